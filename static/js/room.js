// The open case: its conversation, what is being sent, what was read, and who is there.

import { isHere } from "./activity.js";
import { Composer } from "./composer.js";
import { Conversation } from "./conversation.js";
import { el } from "./dom.js";
import { History, olderOnScroll } from "./history.js";
import { Outbox } from "./outbox.js";

const ANNOUNCED_FOR = 5_000; // ms, then it would only be read a second time
const ANNOUNCED = 3; // messages read aloud at once; after a long absence the rest is only counted in the list

export class Room {
  #readUpTo;
  #reading = false;

  constructor({ page, words, format, api, onRead, onSent }) {
    Object.assign(this, { page, words, format, api, onRead, onSent });
    this.url = `${page.cases}${page.case}/`;
    this.#readUpTo = page.read_seq;
    this.clockAhead = Date.now() - new Date(page.now);
    this.scroller = document.getElementById("scroller");
    this.announcer = document.getElementById("announcer");
    this.jump = document.getElementById("jump");
    this.form = document.getElementById("compose");
    this.#build();
    this.scroller.addEventListener("scroll", () => this.#scrolled(), { passive: true });
    this.jump.addEventListener("click", () => this.conversation.toBottom());
  }

  #build() {
    const { page, words, format, api, scroller, onSent } = this;
    const name = `${page.user}:${page.case}`;
    this.conversation = new Conversation({
      list: document.getElementById("messages"),
      scroller,
      words,
      format,
      peerRead: page.peer_read_seq,
      recallable: (message) => page.recall_seconds * 1000 - (Date.now() - this.clockAhead - new Date(message.created_at)),
      actions: {
        recall: (seq, button) => this.#recall(seq, button),
        editAgain: (text) => this.composer.write(text),
        retry: (id) => this.outbox.retry(id),
        discard: (id) => this.outbox.remove(id),
      },
    });
    this.composer = new Composer({ form: this.form, name: `draft:${name}`, onSend: (text) => this.#send(text) });
    this.history = new History({ api, url: `${this.url}messages/`, conversation: this.conversation, onNew: (added) => this.#arrived(added) });
    this.outbox = new Outbox({
      name: `outbox:${name}`,
      send: ({ body, client_id }) => api.post(`${this.url}messages/`, { body, client_id }),
      onChange: (items) => this.conversation.keepPlace(() => this.conversation.putWaiting(items)),
      onSent,
    });
    // What the page already shows as written needs no second try.
    for (const id of this.conversation.clientIds()) this.outbox.remove(id);
    this.outbox.resume();
    olderOnScroll({ link: document.getElementById("older"), scroller, history: this.history, words });
  }

  // A message came by the stream: it is new, or it was recalled, or some before it are missing.
  took(message) {
    const { first, last } = this.conversation;
    if (message.seq > last + 1) return this.history.catchUp();
    if (message.recalled) this.announcer.replaceChildren();
    if (message.seq >= first) {
      const added = this.conversation.put([message]);
      if (added.length) this.#arrived(added);
    }
    return Promise.resolve();
  }

  #send(text) {
    this.outbox.add(text);
    this.conversation.toBottom();
  }

  #arrived(messages) {
    for (const message of messages) {
      if (message.sender.me) this.outbox.remove(message.client_id);
    }
    const others = messages.filter((message) => !message.sender.me);
    if (!others.length) return;
    if (!this.conversation.atBottom) this.jump.hidden = false;
    this.#announce(others.slice(-ANNOUNCED));
    this.readIfSeen();
  }

  #announce(messages) {
    const said = messages.map(({ sender, body, recalled }) => `${sender.name}：${recalled ? this.words.recalled : body}`);
    this.announcer.replaceChildren(...said.map((text) => el("span", {}, text)));
    setTimeout(() => this.announcer.replaceChildren(), ANNOUNCED_FOR);
  }

  #scrolled() {
    if (!this.conversation.atBottom) return;
    this.jump.hidden = true;
    this.readIfSeen();
  }

  get seesNewest() {
    return document.visibilityState === "visible" && this.conversation.atBottom && isHere();
  }

  // Somebody who has the newest message before their eyes has read the conversation. Nobody looks at a tab that was
  // left open: what is marked read there is neither told in WeCom nor reminded of.
  async readIfSeen() {
    const seq = this.conversation.lastOfOthers;
    if (!this.seesNewest || this.#reading || seq <= this.#readUpTo) return;
    this.#reading = true;
    try {
      await this.api.post(`${this.url}read/`, { seq });
      this.#readUpTo = seq;
      this.onRead();
    } catch {
      return; // the next message, scroll or return to this tab tries again
    } finally {
      this.#reading = false;
    }
    this.readIfSeen();
  }

  async #recall(seq, button) {
    button.disabled = true;
    try {
      this.conversation.put([await this.api.post(`${this.url}messages/${seq}/recall/`)]);
    } catch (error) {
      button.disabled = false;
      button.textContent = error.detail || this.words.recallFailed;
    }
  }

  // What the list of cases knows about this one: who is there, whether one can write.
  show(one) {
    const { page, words } = this;
    const closed = one.status === "closed";
    const { advisor } = one;
    const mine = page.is_member;
    this.conversation.readUpTo(one.peer_read_seq ?? 0);
    const hide = { away: !mine || closed || !advisor || advisor.online, unassigned: !mine || closed || advisor, closed: !closed };
    for (const [id, hidden] of Object.entries(hide)) {
      const hint = document.getElementById(id);
      if (hint.hidden !== Boolean(hidden)) hint.hidden = Boolean(hidden);
    }
    this.form.hidden = closed;
    document.getElementById("peer").replaceChildren(
      !mine ? `${words.member} ${one.member.name}` : advisor ? this.#presence(advisor) : words.findingAdvisor,
    );
  }

  #presence(advisor) {
    const { words } = this;
    const state = advisor.online ? words.online : words.offline;
    return el("span", { class: `presence${advisor.online ? " online" : ""}` }, `${words.advisor} ${advisor.name} · ${state}`);
  }

  // This person may not see the case any more: nothing of it stays on the screen.
  leave() {
    for (const part of ["#scroller", ".composer", ".conversation-head"]) {
      document.querySelector(`#conversation > ${part}`).remove();
    }
  }
}
