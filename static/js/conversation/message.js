// One message as an element: the same shape as templates/cases/_message.html.

import { button, el } from "../lib/dom.js";
import { fileElements, pendingFile, readFile } from "./file.js";
import { putText } from "../lib/format.js";
import { mayRetry, troubleIn } from "../composer/outbox.js";

// Read a message back from what the server rendered.
export function readMessage(element) {
  const { seq, kind, role, name = "", source = "web", clientId = "" } = element.dataset;
  const recalled = element.classList.contains("recalled");
  const attachment = readFile(element.querySelector(".file"));
  return {
    seq: Number(seq),
    kind,
    body: recalled ? "" : (attachment?.name ?? element.querySelector(".text").textContent),
    sender: { name, role, me: element.classList.contains("mine") },
    source,
    created_at: element.querySelector("time").dateTime,
    client_id: clientId,
    recalled,
    attachment,
  };
}

function systemElement(message, format) {
  const text = el("p", { class: "text", title: format.fullTime(new Date(message.created_at)) }, message.body);
  return el("li", { class: "message system", "data-seq": message.seq }, text);
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
