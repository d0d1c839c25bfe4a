// Messages as elements, the same as in templates/cases/_message.html (tests/browser/test_rendering.py), and how they stand
// together: under the heading of their day, and as one group what the same person said at a time.

import { button, el } from "../lib/dom.js";
import { fileElements, pendingFile } from "./file.js";
import { putText } from "../lib/format.js";
import { mayRetry, troubleIn } from "../composer/outbox.js";

const TOGETHER = 5 * 60 * 1000; // ms within which one person's messages stand as one group

function systemElement(message, format) {
  const date = new Date(message.created_at);
  const text = el("p", { class: "text", title: format.fullTime(date) }, message.body);
  const time = el("time", { class: "sr", datetime: message.created_at }, format.time(date));
  return el("li", { class: "message system", "data-seq": message.seq }, text, time);
}

// `state`: of the tick; `extra`: elements for the foot.
export function messageElement(message, { words, format, state, extra = [] }) {
  if (message.sender.role === "system") return systemElement(message, format);
  const text = el("p", { class: "text" });
  if (message.recalled) text.textContent = words.recalled;
  else if (message.attachment) text.append(...fileElements(message.attachment, words, format));
  else putText(text, message.body);
  const date = new Date(message.created_at);
  const foot = el(
    "p",
    { class: "foot" },
    message.source === "wecom" ? el("span", { class: "wecom", title: words.fromWecom }, words.wecom) : null,
    el("time", { datetime: message.created_at, title: format.fullTime(date) }, format.time(date)),
    message.sender.me && !message.recalled ? tick(state, words) : null,
    ...extra,
  );
  const kind = `message ${message.sender.me ? "mine" : "theirs"}${message.recalled ? " recalled" : ""}`;
  const said = el("div", { class: "said" }, meta(message.sender, words), el("div", { class: "bubble" }, text), foot);
  return el("li", { class: kind, "data-seq": message.seq }, avatar(message.sender), said);
}

export function pendingElement(item, { words, format, onRetry, onDiscard, onEdit }) {
  const text = el("p", { class: "text" });
  if (item.file) text.append(pendingFile(item, words, format));
  else putText(text, item.body);
  const { state } = item;
  const failed = state === "failed";
  const foot = el("p", { class: "foot" }, state === "sending" ? words.sending : troubleIn(item, words));
  if (mayRetry(item)) foot.append(button(words.retry, "retry", onRetry));
  if (failed && !item.file) foot.append(button(words.editAgain, "edit-again", onEdit));
  if (state !== "sending") foot.append(button(words.discard, "discard", onDiscard));
  else if (item.file) foot.append(button(words.cancel, "discard", onDiscard));
  const me = { name: "", role: "", me: true };
  const bubble = el("div", { class: "said" }, meta(me, words), el("div", { class: "bubble" }, text), foot);
  const kind = `message mine pending${failed ? " failed" : ""}`;
  return el("li", { class: kind, "data-client-id": item.client_id, title: format.fullTime(new Date(item.at)) }, bubble);
}

// What became of one's own message: written, told to the advisor in WeCom, read.
export function tickState(seq, { peerRead, notified }) {
  if (seq <= peerRead) return "read";
  return seq <= notified ? "told" : "sent";
}

export function tick(state, words) {
  const label = words[state];
  const mark = state === "told" ? el("span", { class: "told-in" }, words.told) : null;
  const attributes = { class: `tick ${state}`, role: "img", "aria-label": label, title: label, "data-state": state };
  return el("span", attributes, state === "read" ? "✓✓" : "✓", mark);
}

function meta(sender, words) {
  if (sender.me) return el("p", { class: "meta" }, el("span", { class: "sr" }, words.you));
  const role = sender.role === "advisor" ? words.advisor : words.member;
  return el("p", { class: "meta" }, el("span", { class: "name" }, sender.name), " ", el("span", { class: "role" }, role));
}

function avatar(sender) {
  return sender.me ? null : el("span", { class: "avatar", "aria-hidden": "true" }, [...sender.name][0] ?? "");
}

// The heading of the day that begins with this message, or null.
export function dayOf(element) {
  const before = element.previousElementSibling;
  return before?.classList.contains("day") ? before : null;
}

// Give the element its day heading where a day begins, and join it to what the same person said just before.
// `messageOf(element)` is the message that an element of the list shows.
export function group(element, messageOf, format) {
  const heading = dayOf(element);
  const previous = (heading ?? element).previousElementSibling;
  const message = messageOf(element);
  const before = previous && messageOf(previous);
  const date = new Date(message.created_at);
  const begins = !before || format.dayKey(new Date(before.created_at)) !== format.dayKey(date);
  if (begins && !heading) {
    const time = el("time", { datetime: format.dayKey(date) }, format.day(date));
    element.before(el("li", { class: "day", "data-at": message.created_at }, time));
  } else if (!begins) heading?.remove();
  element.classList.toggle("continued", !begins && continues(message, before));
}

export function nextMessage(element) {
  const after = element.nextElementSibling;
  return after?.classList.contains("day") ? after.nextElementSibling : after;
}

// "Today" is not today any more after midnight.
export function renameDays(list, format) {
  for (const heading of list.querySelectorAll(".day")) {
    heading.firstChild.textContent = format.day(new Date(heading.dataset.at));
  }
}

function continues(message, before) {
  const same = ["name", "role", "me"].every((key) => message.sender[key] === before.sender[key]);
  const apart = new Date(message.created_at) - new Date(before.created_at);
  return same && message.sender.role !== "system" && apart < TOGETHER;
}
