// A window over the messages of the open case: those from `first` to `last` are on the screen, in the order of `seq`
// and without a hole. It slides: what lies far from what is being read is dropped again. Below the newest message
// stand those not sent yet.

import { button } from "../lib/dom.js";
import { dayOf, group, messageElement, nextMessage, pendingElement, renameDays, tick, tickState } from "./message.js";

const AT_BOTTOM = 48; // px
const REVEALED = 2_500; // ms for which a message that was searched for stands out
const MOST = 250; // messages kept on the screen; with a page of them more while it slides

export class Conversation {
  #shown = new Map(); // seq -> { message, element, at }: as it was at that time
  #waiting = new Map(); // client_id -> { item, element }
  #items = []; // all that are not sent yet
  first = 0;
  last = 0;

  // `messages`: those to begin with, as the API gives them; `newest`: the seq of the case's newest message as far as is known; `edges`: what stands above and below the window
  // while there is more; `actions`: recall(seq), editAgain(text), retry(client_id), discard(client_id);
  // `recallable(message)` in ms left.
  constructor({ list, scroller, edges, messages, words, format, newest, peerRead, notified, recallable, actions }) {
    Object.assign(this, { list, scroller, edges, words, format, newest, peerRead, notified, recallable, actions });
    this.replace(messages);
    setInterval(() => this.#expireRecalls(), 5_000);
  }

  // The client_ids of the reader's own messages among those shown.
  clientIds() {
    return [...this.#shown.values()].map(({ message }) => message.client_id).filter(Boolean);
  }

  // Whether the window reaches the newest message.
  get atEnd() {
    return this.last >= this.newest;
  }

  // Show messages, ascending by seq, as far as they join what is shown; one that is there already is replaced, unless
  // it changed after they were asked for. Returns those that are new.
  put(messages, asked = performance.now()) {
    const joined = this.#joined(messages);
    const added = joined.filter((message) => !this.#shown.has(message.seq));
    this.#change(() => joined.forEach((message) => this.#putOne(message, asked)));
    return added;
  }

  // Show these messages, ascending by seq, instead of what is shown.
  replace(messages) {
    this.#shown.clear();
    this.#waiting.clear();
    this.list.replaceChildren();
    this.first = this.last = 0;
    this.#change(() => messages.forEach((message) => this.#putOne(message, performance.now())));
  }

  // There is a newer message, whether it is shown or not.
  heardOf(seq) {
    if (seq > this.newest) this.#change(() => (this.newest = seq));
  }

  // A message that would leave a hole is not shown.
  #joined(messages) {
    let { first, last } = this;
    const older = messages.filter(({ seq }) => seq < first).reverse().filter(({ seq }) => seq === first - 1 && (first = seq));
    const other = messages.filter(({ seq }) => seq >= this.first && (seq <= last || (seq === last + 1 && (last = seq))));
    return [...older.reverse(), ...other];
  }

  #change(change) {
    this.keepPlace(() => {
      change();
      this.newest = Math.max(this.newest, this.last);
      this.#trim();
      this.#placeWaiting();
      this.edges.older.hidden = this.first <= 1;
      this.edges.newer.hidden = this.atEnd;
    });
  }

  // Drop messages from the end that is farther from what is being read.
  #trim() {
    if (this.#shown.size <= MOST) return;
    const reading = this.atBottom ? this.last : this.#reading();
    while (this.#shown.size > MOST) {
      if (this.last - reading > reading - this.first) this.#drop(this.last--);
      else this.#drop(this.first++);
    }
    this.#arrange(this.#shown.get(this.first).element);
  }

  #drop(seq) {
    const { element } = this.#shown.get(seq);
    dayOf(element)?.remove();
    element.remove();
    this.#shown.delete(seq);
  }

  #putOne(message, at) {
    const known = this.#shown.get(message.seq);
    const same = known?.message.recalled === message.recalled && known.message.attachment?.state === message.attachment?.state;
    if (known && (same || at < known.at)) return;
    const element = this.#element(message, known?.message.body);
    if (known) known.element.replaceWith(element);
    else this.#place(message.seq, element);
    this.#shown.set(message.seq, { message, element, at });
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
      (dayOf(first) ?? first).before(element);
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
    const element = messageElement(message, { words, format, state: tickState(message.seq, this), extra });
    element.id = `m${message.seq}`;
    return element;
  }

  #arrange(element) {
    group(element, (one) => this.#messageOf(one), this.format);
  }

  #messageOf(element) {
    if (element.dataset.seq) return this.#shown.get(Number(element.dataset.seq)).message;
    const { item } = this.#waiting.get(element.dataset.clientId);
    return { created_at: item.at, sender: { name: "", role: "", me: true } };
  }

  // Show these as not sent yet, in this order, below the newest message.
  putWaiting(items) {
    this.#items = items;
    this.#placeWaiting();
  }

  #placeWaiting() {
    const items = this.atEnd ? this.#items : [];
    const wanted = new Set(items.map((item) => item.client_id));
    for (const [id, { element }] of this.#waiting) {
      if (wanted.has(id)) continue;
      const heading = dayOf(element);
      const focused = element.contains(document.activeElement);
      element.remove();
      if (focused) focusOn(null);
      if (!heading?.nextElementSibling) heading?.remove();
      this.#waiting.delete(id);
    }
    for (const item of items) this.#putWaitingOne(item);
  }

  #putWaitingOne(item) {
    const id = item.client_id;
    const known = this.#waiting.get(id);
    if (known && ["state", "status", "detail"].every((key) => known.item[key] === item[key])) return;
    const onRetry = () => this.actions.retry(id);
    const onDiscard = () => this.actions.discard(id);
    const onEdit = () => {
      onDiscard();
      this.actions.editAgain(item.body);
    };
    const element = pendingElement(item, { words: this.words, format: this.format, onRetry, onDiscard, onEdit });
    this.#waiting.set(id, { item: { ...item }, element });
    const focused = known?.element.contains(document.activeElement);
    if (known) known.element.replaceWith(element);
    else this.list.append(element);
    if (focused) focusOn(element.querySelector("button"));
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
    renameDays(this.list, this.format);
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
    return this.atEnd && this.scroller.scrollTop > -AT_BOTTOM;
  }

  toBottom() {
    this.scroller.scrollTop = 0;
  }

  // Bring a message to the middle of the screen and to the reader's notice. Returns whether it is there.
  reveal(seq) {
    const element = this.#shown.get(seq)?.element;
    if (!element) return false;
    this.list.querySelector(".revealed")?.classList.remove("revealed");
    element.classList.add("revealed");
    element.tabIndex = -1;
    element.focus({ preventScroll: true });
    element.scrollIntoView({ block: "center" });
    setTimeout(() => element.classList.remove("revealed"), REVEALED);
    return true;
  }

  // Change the list while what the person is reading stays where it is; at the bottom, the bottom is kept.
  keepPlace(change) {
    if (this.atBottom || !this.#shown.size) {
      change();
      this.toBottom();
      return;
    }
    const seq = this.#reading();
    const before = this.#topOf(seq);
    change();
    const after = this.#topOf(seq);
    if (before !== null && after !== null) this.scroller.scrollTop += after - before;
  }

  // The last message whose beginning is on the screen: the first ones shown change their look when older ones come.
  #reading() {
    const { top, bottom } = this.scroller.getBoundingClientRect();
    let seq = this.last;
    while (seq > this.first && this.#topOf(seq) >= bottom) seq -= 1;
    return this.#topOf(seq) < top ? Math.min(seq + 1, this.last) : seq;
  }

  #topOf(seq) {
    return this.#shown.get(seq)?.element.getBoundingClientRect().top ?? null;
  }
}

// The keyboard's place is not lost with what had it: it is this, or else where one writes.
function focusOn(element) {
  (element ?? document.querySelector(".composer textarea"))?.focus({ preventScroll: true });
}
