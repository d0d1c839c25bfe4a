// The message page: puts the parts together.

import { byItself, isHere, reportActivity, watchActivity } from "../live/activity.js";
import { Alerts } from "../live/alerts.js";
import { Api } from "../lib/api.js";
import { Banner } from "../live/banner.js";
import { CaseList } from "../list/cases.js";
import { Format } from "../lib/format.js";
import { Room } from "../conversation/room.js";
import { loadAll, namesOf, onKept } from "../lib/store.js";
import { openStream } from "../live/tabs.js";
import { reportTyping, TypingHint } from "../live/typing.js";

const LOOK_EVERY = 60_000; // ms; presence ends without an event, and a stream can be dead and not know it
const AWAY_LONG = 15_000; // ms after which a page that comes back does not trust its stream
const UNSENT_AFTER = 500; // ms; most messages are sent by then
const WIDE = "(min-width: 48rem)";

const firstData = document.getElementById("page");
const page = JSON.parse(firstData.textContent);
firstData.remove(); // what is said in a case does not stay in the page when it is covered
const words = document.getElementById("words").dataset;
const format = new Format(words.locale, words);
const banner = document.getElementById("banner") && new Banner(document.getElementById("banner"), words);
const api = new Api({ csrfCookie: page.csrf_cookie, user: page.user, onSignedOut: signedOut });
// What changes while the page is open.
const state = {
  room: null, // the open case
  covered: null, // the room, once it is covered
  desk: null,
  cases: null, // the list
  finder: null, // the search over all cases
  inCase: null, // that of the open case
  stream: null,
  alerts: null,
  typing: null,
  elsewhere: null, // the module, once something waits in another case
  asking: 0, // timers
  looking: 0,
  final: false, // signed out: nothing is asked for or shown any more
};

// `other`: somebody else has signed in in this browser since.
function signedOut(other) {
  state.stream?.stop();
  const back = other ? page.pages : `${page.sign_in}?next=${encodeURIComponent(location.pathname)}`;
  if (!banner) {
    byItself(() => location.assign(back));
    return;
  }
  if (other) (state.room ?? state.covered)?.leave();
  else state.room?.cover();
  state.covered = state.room ?? state.covered;
  state.room = state.desk = null;
  state.final = true;
  clearInterval(state.looking);
  clearTimeout(state.asking);
  document.querySelector(".messenger > .cases")?.replaceChildren();
  state.alerts?.update([]);
  document.title = words.pageTitle;
  if (other) banner.final(words.otherAccount, words.reload, back);
  else banner.final(words.signedOut, words.signIn, back);
}

function caseGone() {
  const unsent = state.room.outbox.count ? ` ${words.notSent.replace("{n}", state.room.outbox.count)}` : "";
  state.room.leave();
  state.desk?.leave();
  state.room = state.desk = null;
  state.cases.pageTitle = document.title = words.pageTitle;
  banner.final(words.caseGone + unsent, words.toList, page.pages);
  state.finder?.again();
}

// Ask for everything that may have changed. Fails when the server cannot be reached.
async function sync() {
  if (state.final) return;
  try {
    await Promise.all([state.cases.refresh(), state.room?.history.catchUp(), state.desk?.catchUp()]);
  } catch (error) {
    if (error.status !== 404) throw error;
    if (state.room) caseGone();
  }
}

// What this person may see has changed. An advisor's list may be filtered, and does not tell whether a case of which
// something was found is still theirs.
function accessChanged() {
  askSoon();
  if (state.cases.filter) state.finder?.again();
}

function resync() {
  if (state.cases.filter) state.finder?.again();
  return sync().catch(() => {});
}

function askSoon() {
  clearTimeout(state.asking);
  if (!state.final) state.asking = setTimeout(() => state.cases.refresh().catch(() => {}), 300);
}

function casesChanged() {
  if (state.final) return; // an answer that was under way
  state.alerts.update(state.cases.all);
  if (!state.cases.filter) state.finder?.keep((number) => state.cases.find(number));
  if (!state.room) return;
  const open = state.cases.find(page.case);
  if (!open) return caseGone();
  state.room.show(open);
  state.desk?.show(open);
}

const handlers = {
  hello: resync,
  resync,
  case: accessChanged,
  note: ({ case: number, note }) => number === page.case && state.desk?.took(note),
  presence: ({ case: number, online }) => state.cases.setOnline(number, online),
  read: ({ case: number, seq, me }) => {
    if (me) state.cases.wasRead(number, seq) || askSoon();
    else {
      state.cases.learn(number, { peer_read_seq: seq });
      if (state.room && number === page.case) state.room.conversation.readUpTo(seq);
    }
  },
  notified: ({ case: number, seq, at }) => state.cases.learn(number, { notified_seq: seq, notified_at: at, notifying: false }),
  message: ({ case: number, message }) => {
    const here = state.room && number === page.case;
    if (!state.cases.took(number, message, here && state.room.seesNewest)) askSoon();
    else if (page.is_member && message.sender.me) askSoon(); // is the advisor being told?
    if (here) state.room.took(message).catch(() => {});
    if (here && !message.sender.me) state.typing.hide();
    if (message.recalled) for (const search of [state.finder, state.inCase]) search?.again(); // its words are found no more
  },
  typing: ({ case: number }) => {
    if (state.room && number === page.case) state.typing.show();
  },
};

const isLooking = (number) => state.room !== null && number === page.case && document.visibilityState === "visible" && isHere();

function connect() {
  state.stream = openStream({
    url: page.events,
    user: page.user,
    onOtherAccount: () => signedOut(true),
    answer: ({ looking: number }) => isLooking(number),
    onEvent: (name, data) => handlers[name](data),
    onState: (connection) => {
      const before = document.body.dataset.connection;
      document.body.dataset.connection = connection; // for tests, and for whoever is asked "what do you see?"
      if (connection === "lost") banner.lost();
      else banner.fine();
      if (connection !== "lost" && connection !== before) sendWhatWaits();
    },
    ask: sync,
  });
  state.stream.connect();
  state.looking = setInterval(look, LOOK_EVERY);
  watchComingBack();
}

function watchComingBack() {
  let left = 0;
  document.addEventListener("visibilitychange", () => {
    if (state.final) return;
    if (document.visibilityState === "hidden") {
      left = Date.now();
      return;
    }
    state.room?.conversation.renameDays();
    state.room?.readIfSeen();
    if (state.stream.leads && Date.now() - left > AWAY_LONG) return state.stream.connect();
    state.stream.wake();
    sync().catch(() => {});
  });
}

// What could not be sent goes by itself, also what was written into another case than the open one.
async function sendWhatWaits() {
  state.room?.outbox.wake();
  const others = loadAll(`outbox:${page.user}:`).some((item) => item.case !== page.case && item.state !== "failed");
  if (!others || state.final) return;
  state.elsewhere ??= import("../composer/elsewhere.js").catch(() => (state.elsewhere = null));
  const onSent = (number, message) => handlers.message({ case: number, message });
  (await state.elsewhere)?.sendElsewhere({ page, words, api, onSent });
}

// What is not sent yet stands in the list; most visits find nothing.
function watchUnsent() {
  const beginnings = ["draft", "outbox"].map((kind) => `${kind}:${page.user}:`);
  let soon = 0;
  const show = async () => {
    soon = 0;
    const { unsentOf, forgetQuestion } = await import("../list/unsent.js").catch(() => ({}));
    if (!unsentOf || state.final) return;
    if (state.room) forgetQuestion(page.user, state.room.conversation.clientIds());
    state.cases.mark(unsentOf(page.user, words));
  };
  const showSoon = () => (soon ||= setTimeout(show, UNSENT_AFTER));
  if (beginnings.some((one) => namesOf(one).length)) show();
  onKept((name) => beginnings.some((one) => name.startsWith(one)) && showSoon());
}

async function look() {
  if (document.visibilityState === "hidden") return;
  try {
    await state.cases.refresh();
    const behind = state.room && (state.cases.find(page.case)?.last_message?.seq ?? 0) > state.room.conversation.newest;
    if (behind) state.stream.connect();
  } catch {
    state.stream.connect();
  }
}

function start(list, Filter) {
  const told = document.querySelector(".flash"); // something is said here that the next page would not repeat
  if (page.case === null && !told && matchMedia(WIDE).matches) {
    const first = list.querySelector("a"); // none when the advisor's filter lets nothing through
    if (first) return byItself(() => location.replace(first.href)); // there is room for both
  }
  if (page.case !== null) {
    const onRead = (seq) => state.cases.wasRead(page.case, seq) || askSoon();
    const onSent = (message) => handlers.message({ case: page.case, message });
    state.room = new Room({ page, words, format, api, onRead, onSent });
    if (document.getElementById("desk")) openDesk();
    state.typing = new TypingHint(document.getElementById("typing"));
    const { url, composer } = state.room;
    reportTyping(composer.box, () => api.post(`${url}typing/`).catch(() => {}));
    // Where there is a keyboard one writes at once; on touch screens it would come up and hide half of what is said.
    const free = document.activeElement === document.body && !location.hash;
    if (free && !page.at && matchMedia("(hover: hover) and (pointer: fine)").matches) composer.box.focus({ preventScroll: true });
  }
  state.cases = new CaseList({ list, api, url: page.cases, pages: page.pages, open: page.case, words, format, onCases: casesChanged, Filter });
  state.alerts = new Alerts({ words, pages: page.pages, stream: () => state.stream, isLooking });
  searching(list);
  watchUnsent();
  connect();
  state.room?.readIfSeen();
  watchActivity(() => state.room?.readIfSeen());
  reportActivity(api, page.active);
}

// Members have no desk, and need not fetch what makes it. Where it cannot be had, its forms work as forms do.
async function openDesk() {
  const { Desk } = await import("../desk/desk.js").catch(() => ({}));
  state.desk = Desk?.of({ page, words, format, api, keyboard: state.room?.composer.keyboard });
  if (!state.desk) return; // or the case went meanwhile
  if (state.cases.find(page.case)) state.desk.show(state.cases.find(page.case));
  await state.desk.catchUp().catch(() => {});
}

// The search over all cases, which covers a member's list, and that of the open one. Fetched when somebody goes there:
// most visits do not; where it cannot be had, its forms lead to the page of the search.
function searching(list) {
  const options = { api, url: page.search, pages: page.pages, words, format };
  const goTo = (number, seq) => (state.room && number === page.case ? state.room.goTo(seq) : null);
  // An advisor's list is filtered by the same words, and stays above what was found in messages.
  const beside = state.cases.filter ? list : null;
  const onState = (open) => list.classList.toggle("covered", open && !beside);
  const form = list.parentElement.querySelector("[data-search]");
  whenWanted(form, "focusin", ({ Search }) => {
    state.finder = new Search({ ...options, form, onChoose: goTo, onState, beside });
  });
  const behind = document.querySelector("[data-find]");
  whenWanted(behind, "toggle", ({ Search, searchBehind }) => {
    searchBehind(behind, ({ shut, ...its }) => {
      const onChoose = (number, seq) => goTo(number, seq)?.then(shut);
      state.inCase = new Search({ ...options, ...its, onChoose });
      return state.inCase;
    });
  });
}

function whenWanted(element, name, make) {
  if (!element) return; // no case is open
  const box = element.querySelector("[type=search]");
  let loading = null;
  const begin = () => (loading ??= import("../list/search.js").then((module) => {
    box.form.removeEventListener("submit", early);
    if (!state.final) make(module);
  }));
  // Enter before it is there: it asks by itself when it is; where it cannot be had, the form does.
  const early = (event) => {
    event.preventDefault();
    begin().catch(() => box.form.submit());
  };
  const soon = () => begin().catch(() => {});
  box.form.addEventListener("submit", early);
  if (box.value || element.contains(document.activeElement)) soon(); // before this was loaded
  else element.addEventListener(name, soon, { once: true });
}

window.addEventListener("signout", () => state.stream?.stop());
const list = document.getElementById("cases");
// Members have no filters; where they cannot be had, they are links.
const { CaseFilter } = document.getElementById("filters") ? await import("../list/casefilter.js").catch(() => ({})) : {};
if (list) start(list, CaseFilter);
else import("./first.js").then(({ waitForFirst }) => (state.stream = waitForFirst({ api, page, signedOut }))).catch(() => {});
