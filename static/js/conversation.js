// The messages of the open case on the screen, in the order of `seq`; below them, those not sent yet.

import { el } from "./dom.js";
import { button, continues, messageElement, pendingElement, readMessage, tick, tickState } from "./message.js";

const AT_BOTTOM = 48; // px

export class Conversation {
  #shown = new Map(); // seq -> { message, element }
  #waiting = new Map(); // client_id -> { item, element }
  first = 0;
  last = 0;

  // `actions`: recall(seq), editAgain(text), retry(client_id), discard(client_id); `recallable(message)` in ms left.
  constructor({ list, scroller, words, format, peerRead, notified, recallable, actions }) {
    Object.assign(this, { list, scroller, words, format, peerRead, notified, recallable, actions });
    const rendered = [...list.querySelectorAll("[data-seq]")].map(readMessage);
    list.replaceChildren();
    this.put(rendered);
    setInterval(() => this.#expireRecalls(), 5_000);
  }

  // The client_ids of the reader's own messages among those shown.
  clientIds() {
    return [...this.#shown.values()].map(({ message }) => message.client_id).filter(Boolean);
  }

  // Show messages, ascending by seq; one that is there already is replaced. Returns those that are new.
  put(messages) {
    const added = messages.filter((message) => !this.#shown.has(message.seq));
    this.keepPlace(() => messages.forEach((message) => this.#putOne(message)));
    return added;
  }

  #putOne(message) {
    const known = this.#shown.get(message.seq);
    if (known && known.message.recalled === message.recalled) return;
    const element = this.#element(message, known?.message.body);
    if (known) known.element.replaceWith(element);
    else this.#place(message.seq, element);
    this.#shown.set(message.seq, { message, element });
    this.first = Math.min(this.first || message.seq, message.seq);
    this.last = Math.max(this.last, message.seq);
    this.#arrange(element);
    const next = nextMessage(element);
    if (next) this.#arrange(next);
  }

  #place(seq, element) {
    const before = this.#shown.get(seq - 1);
    if (before) before.element.after(element);
    else if (seq > this.last) this.list.insertBefore(element, this.list.querySelector(".pending"));
    else {
      const first = this.#shown.get(this.first).element;
      const heading = first.previousElementSibling;
      (heading ?? first).before(element);
    }
  }

  #element(message, bodyBefore) {
    const { words, format } = this;
    const extra = [];
    if (message.sender.me && !message.recalled && this.recallable(message) > 0) {
      extra.push(button(words.recall, "recall", (event) => this.actions.recall(message.seq, event.currentTarget)));
    }
    if (message.sender.me && message.kind === "text" && message.recalled && bodyBefore) {
      extra.push(button(words.editAgain, "edit-again", () => this.actions.editAgain(bodyBefore)));
    }
    return messageElement(message, { words, format, state: tickState(message.seq, this), extra });
  }

  // Give the element its day heading where a day begins, and join it to what the same person said just before.
  #arrange(element) {
    const message = this.#messageOf(element);
    const before = this.#messageOf(previousMessage(element));
    const date = new Date(message.created_at);
    const heading = element.previousElementSibling?.classList.contains("day") ? element.previousElementSibling : null;
    const begins = !before || this.format.dayKey(new Date(before.created_at)) !== this.format.dayKey(date);
    if (begins && !heading) {
      const time = el("time", { datetime: this.format.dayKey(date) }, this.format.day(date));
      element.before(el("li", { class: "day", "data-at": message.created_at }, time));
    } else if (!begins) heading?.remove();
    element.classList.toggle("continued", !begins && continues(message, before));
  }

  #messageOf(element) {
    if (!element) return null;
    if (element.dataset.seq) return this.#shown.get(Number(element.dataset.seq)).message;
    const { item } = this.#waiting.get(element.dataset.clientId);
    return { created_at: item.at, sender: { name: "", role: "", me: true } };
  }

  // Show these as not sent yet, in this order, below everything else.
  putWaiting(items) {
    const wanted = new Set(items.map((item) => item.client_id));
    for (const [id, { element }] of this.#waiting) {
      if (wanted.has(id)) continue;
      element.remove();
      this.#waiting.delete(id);
    }
    for (const item of items) this.#putWaitingOne(item);
  }

  #putWaitingOne(item) {
    const id = item.client_id;
    const known = this.#waiting.get(id);
    if (known && known.item.state === item.state && known.item.detail === item.detail) return;
    const onRetry = () => this.actions.retry(id);
    const onDiscard = () => this.actions.discard(id);
    const element = pendingElement(item, { words: this.words, format: this.format, onRetry, onDiscard });
    this.#waiting.set(id, { item: { ...item }, element });
    if (known) known.element.replaceWith(element);
    else this.list.append(element);
    this.#arrange(element);
  }

  // The other side has read up to `seq`.
  readUpTo(seq) {
    this.peerRead = Math.max(this.peerRead, seq);
    this.#refreshTicks();
  }

  // The advisor was told in WeCom of what stands up to `seq`; after a hand-over, the new one of nothing.
  notifiedUpTo(seq) {
    this.notified = seq;
    this.#refreshTicks();
  }

  #refreshTicks() {
    for (const old of this.list.querySelectorAll(".tick")) {
      const state = tickState(Number(old.closest("[data-seq]").dataset.seq), this);
      if (old.dataset.state !== state) old.replaceWith(tick(state, this.words));
    }
  }

  #expireRecalls() {
    for (const found of this.list.querySelectorAll(".recall")) {
      const { message } = this.#shown.get(Number(found.closest("[data-seq]").dataset.seq));
      if (this.recallable(message) <= 0) found.remove();
    }
  }

  // "Today" is not today any more after midnight.
  renameDays() {
    for (const heading of this.list.querySelectorAll(".day")) {
      heading.firstChild.textContent = this.format.day(new Date(heading.dataset.at));
    }
  }

  // The newest message that somebody else wrote; 0 when there is none.
  get lastOfOthers() {
    for (let seq = this.last; seq >= this.first && seq > 0; seq -= 1) {
      if (!this.#shown.get(seq)?.message.sender.me) return seq;
    }
    return 0;
  }

  // The scroller is column-reverse: 0 is the bottom, further up is negative.
  get atBottom() {
    return this.scroller.scrollTop > -AT_BOTTOM;
  }

  toBottom() {
    this.scroller.scrollTop = 0;
  }

  // Change the list while what the person is reading stays where it is; at the bottom, the bottom is kept.
  keepPlace(change) {
    if (this.atBottom) {
      change();
      this.toBottom();
      return;
    }
    const top = this.scroller.getBoundingClientRect().top;
    const seen = [...this.list.children].find((one) => one.getBoundingClientRect().bottom > top);
    const before = seen?.getBoundingClientRect().top;
    change();
    if (seen?.isConnected) this.scroller.scrollTop += seen.getBoundingClientRect().top - before;
  }
}

function previousMessage(element) {
  const before = element.previousElementSibling;
  return before?.classList.contains("day") ? before.previousElementSibling : before;
}

function nextMessage(element) {
  const after = element.nextElementSibling;
  return after?.classList.contains("day") ? after.nextElementSibling : after;
}
