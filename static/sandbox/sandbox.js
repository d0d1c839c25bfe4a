// The sandbox page: asks for new lines every second, shows them, and sends what the buttons say.

import { cardOf, lineOf, replaceButtons } from "./lines.js";

const PAUSE = 1000; // ms between two questions
const root = document.getElementById("sandbox");
const words = root.dataset;
const find = (id) => document.getElementById(id);
const lists = { group: find("group-lines"), app: find("app-lines") };
const who = find("who");
const other = find("other");
const text = find("text");
const messages = [];
let since = 0;
let asking = false;
let timer = 0;

const me = () => (who.value || other.value).trim();
const mine = (message) =>
  message.conversation === "group" || message.userid.toLowerCase() === me().toLowerCase();

function atEnd(list) {
  return list.scrollHeight - list.scrollTop - list.clientHeight < 60;
}

function show(message) {
  const list = lists[message.conversation];
  if (message.update) {
    update(message);
    return;
  }
  const stay = !atEnd(list);
  list.append(lineOf(message, { words, press, robot: find("robot-face") }));
  if (!stay) list.scrollTop = list.scrollHeight;
  find(`${message.conversation}-empty`).hidden = true;
}

function update(message) {
  for (const line of lists.app.querySelectorAll("[data-handle]")) {
    if (line.dataset.handle !== message.handle) continue;
    const card = line.querySelector(".wx-card");
    if (message.update.card) {
      card.replaceWith(cardOf(message.update.card, { words, press, id: Number(line.dataset.id) }));
    } else {
      replaceButtons(card, message.update.replace_name);
    }
  }
}

function showAll() {
  for (const [name, list] of Object.entries(lists)) {
    list.replaceChildren();
    find(`${name}-empty`).hidden = false;
  }
  messages.filter(mine).forEach(show);
  for (const list of Object.values(lists)) list.scrollTop = list.scrollHeight;
}

function showColleagues(colleagues) {
  find("members").textContent = `(${colleagues.length + 1})`;
  const labels = colleagues.map((one) => `${one.name} ${one.userid}${one.bound ? "" : ` (${words.unbound})`}`);
  const shown = [...who.options].slice(0, -1).map((option) => option.textContent);
  if (labels.join("\n") === shown.join("\n")) return;
  const chosen = me(); // an account typed by hand stays, and is chosen once it is on the list
  const free = who.options[who.options.length - 1];
  who.replaceChildren(...colleagues.map((one, i) => new Option(labels[i], one.userid)), free);
  const same = colleagues.find((one) => one.userid.toLowerCase() === chosen.toLowerCase());
  choose(same ? same.userid : chosen);
}

function choose(userid) {
  const known = [...who.options].some((option) => option.value && option.value === userid);
  who.value = known ? userid : "";
  if (!known) other.value = userid;
  other.hidden = known;
}

function alertUser(said) {
  const box = find("alert");
  box.textContent = said;
  box.hidden = !said;
}

async function ask() {
  if (asking) return;
  asking = true;
  clearTimeout(timer);
  try {
    const answer = await fetch(`${words.stateUrl}?since=${since}`, { cache: "no-store" });
    if (!answer.ok) throw new Error(answer.status);
    take(await answer.json());
    if (find("alert").textContent === words.offline) alertUser("");
  } catch {
    alertUser(words.offline);
  } finally {
    asking = false;
    timer = setTimeout(ask, PAUSE);
  }
}

function take(state) {
  showColleagues(state.colleagues);
  if (state.reset) messages.length = 0;
  const first = since === 0 || state.reset;
  messages.push(...state.messages);
  since = messages.length ? messages[messages.length - 1].id : 0;
  if (first) {
    showAll();
    return;
  }
  for (const message of state.messages.filter(mine)) {
    show(message);
    if (root.dataset.tab !== message.conversation) dot(message.conversation, true);
  }
}

// What the buttons do ------------------------------------------------------------------------------

async function post(url, body) {
  alertUser("");
  lists.app.scrollTop = lists.app.scrollHeight; // whoever does something wants to see what comes of it
  root.setAttribute("aria-busy", "true");
  try {
    const token = root.querySelector("[name=csrfmiddlewaretoken]").value;
    const headers = { "Content-Type": "application/json", "X-CSRFToken": token };
    const sent = fetch(url, { method: "POST", headers, body: JSON.stringify({ userid: me(), ...body }) });
    setTimeout(ask, 100); // one's own words show before the site has answered
    const answer = await sent;
    if (!answer.ok) alertUser((await answer.json()).detail || words.failed);
    return answer.ok;
  } catch {
    alertUser(words.failed);
    return false;
  } finally {
    root.removeAttribute("aria-busy");
    ask();
  }
}

function press(message, key) {
  return post(words.eventUrl, { event: "press", message, key });
}

function grow() {
  text.rows = Math.min(6, text.value.split("\n").length);
}

async function send() {
  const said = text.value;
  if (!said.trim()) return;
  text.value = "";
  grow();
  if (!(await post(words.sayUrl, { text: said })) && !text.value) text.value = said;
  grow();
}

// Tabs, for narrow screens -------------------------------------------------------------------------

function dot(name, on) {
  find(`tab-${name}`).querySelector(".wx-dot").hidden = !on;
}

function openTab(name, focus = false) {
  root.dataset.tab = name;
  for (const tab of root.querySelectorAll("[role=tab]")) {
    const chosen = tab.id === `tab-${name}`;
    tab.setAttribute("aria-selected", String(chosen));
    tab.tabIndex = chosen ? 0 : -1;
    if (chosen && focus) tab.focus();
  }
  dot(name, false);
  lists[name].scrollTop = lists[name].scrollHeight;
}

root.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (button?.getAttribute("role") === "tab") openTab(button.getAttribute("aria-controls"));
  if (button?.dataset.event) post(words.eventUrl, { event: button.dataset.event });
  if (button?.dataset.insert) {
    text.value = button.dataset.insert;
    text.focus();
  }
});
root.querySelector("[role=tablist]").addEventListener("keydown", (event) => {
  if (event.key === "ArrowLeft" || event.key === "ArrowRight") openTab(root.dataset.tab === "app" ? "group" : "app", true);
});
find("write").addEventListener("submit", (event) => {
  event.preventDefault();
  send();
});
text.addEventListener("keydown", (event) => {
  // While a Chinese input method is composing, Enter belongs to it.
  if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
    event.preventDefault();
    send();
  }
});
text.addEventListener("input", grow);
who.addEventListener("change", () => {
  other.hidden = who.value !== "";
  if (!other.hidden) other.focus();
  remember();
});
other.addEventListener("change", remember);

function remember() {
  sessionStorage.setItem("sandbox-who", me());
  showAll();
}

document.addEventListener("visibilitychange", () => document.hidden || ask());
const remembered = sessionStorage.getItem("sandbox-who");
if (remembered) choose(remembered);
root.querySelector(".wx-more").addEventListener("toggle", () => {
  lists.app.scrollTop = lists.app.scrollHeight;
});
if (matchMedia("(min-width: 60rem)").matches) root.querySelector(".wx-more").open = true;
ask();
