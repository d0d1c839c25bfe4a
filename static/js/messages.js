// The message page: puts the parts together.

import { reportActivity, watchActivity } from "./activity.js";
import { Api } from "./api.js";
import { Banner } from "./banner.js";
import { CaseList } from "./cases.js";
import { Format } from "./format.js";
import { Room } from "./room.js";
import { Stream } from "./stream.js";

const LOOK_EVERY = 60_000; // ms; presence ends without an event, and a stream can be dead and not know it
const AWAY_LONG = 15_000; // ms after which a page that comes back does not trust its stream
const WIDE = "(min-width: 48rem)";

const page = JSON.parse(document.getElementById("page").textContent);
const words = document.getElementById("words").dataset;
const format = new Format(words.locale, words);
const banner = document.getElementById("banner") && new Banner(document.getElementById("banner"), words);
const api = new Api({ csrfCookie: page.csrf_cookie, onSignedOut: signedOut });
let room = null;
let cases = null;
let stream = null;
let asking = 0;

function signedOut() {
  stream?.stop();
  const back = `${page.sign_in}?next=${encodeURIComponent(location.pathname)}`;
  if (banner) banner.final(words.signedOut, words.signIn, back);
  else location.assign(back);
}

function caseGone() {
  room.leave();
  room = null;
  cases.pageTitle = document.title = words.pageTitle;
  banner.final(words.caseGone, words.toList, page.pages);
}

// Ask for everything that may have changed. Fails when the server cannot be reached.
async function sync() {
  try {
    await Promise.all([cases.refresh(), room?.history.catchUp()]);
  } catch (error) {
    if (error.status !== 404) throw error;
    if (room) caseGone();
  }
}

function askSoon() {
  clearTimeout(asking);
  asking = setTimeout(() => cases.refresh().catch(() => {}), 300);
}

function casesChanged() {
  if (!room) return;
  const open = cases.find(page.case);
  if (open) room.show(open);
  else caseGone();
}

const handlers = {
  hello: () => sync().catch(() => {}),
  resync: () => sync().catch(() => {}),
  case: askSoon,
  presence: ({ case: number, online }) => cases.setOnline(number, online),
  read: ({ case: number, seq, me }) => {
    if (me) cases.wasRead(number);
    else if (room && number === page.case) room.conversation.readUpTo(seq);
  },
  message: ({ case: number, message }) => {
    const here = room && number === page.case;
    if (!cases.took(number, message, here && room.seesNewest)) askSoon();
    if (here) room.took(message).catch(() => {});
  },
};

function connect() {
  stream = new Stream({
    url: page.events,
    onEvent: (name, data) => handlers[name](data),
    onState: (state) => {
      document.body.dataset.connection = state; // for tests, and for whoever is asked "what do you see?"
      if (state === "lost") banner.lost();
      else banner.fine();
    },
    ask: sync,
  });
  stream.connect();
  setInterval(look, LOOK_EVERY);
  let left = 0;
  document.addEventListener("visibilitychange", () => {
    if (document.visibilityState === "hidden") {
      left = Date.now();
      return;
    }
    room?.conversation.renameDays();
    room?.readIfSeen();
    if (Date.now() - left > AWAY_LONG) stream.connect();
    else sync().catch(() => {});
  });
}

async function look() {
  if (document.visibilityState === "hidden") return;
  try {
    await cases.refresh();
    const behind = room && (cases.find(page.case)?.last_message?.seq ?? 0) > room.conversation.last;
    if (behind) stream.connect();
  } catch {
    stream.connect();
  }
}

function start(list) {
  if (page.case === null && matchMedia(WIDE).matches) {
    location.replace(list.querySelector("a").href); // there is room for both: open the newest
    return;
  }
  if (page.case !== null) {
    const onRead = () => cases.wasRead(page.case);
    const onSent = (message) => handlers.message({ case: page.case, message });
    room = new Room({ page, words, format, api, onRead, onSent });
  }
  cases = new CaseList({ list, api, url: page.cases, pages: page.pages, open: page.case, words, format, onCases: casesChanged });
  connect();
  room?.readIfSeen();
  watchActivity(() => room?.readIfSeen());
  if (!page.is_member) reportActivity(api, page.active);
}

// Somebody without a case yet: the first one appears by itself.
function waitForFirst() {
  const reload = () => location.reload();
  const none = () => {};
  const ask = async () => {
    if ((await api.get(page.cases)).length) reload();
  };
  stream = new Stream({ url: page.events, onEvent: () => ask().catch(none), onState: none, ask });
  stream.connect();
}

const list = document.getElementById("cases");
if (list) start(list);
else waitForFirst();
