// The open case: its conversation, what is being sent, what was read, and who is there.

import { isHere } from "../live/activity.js";
import { Attach } from "../composer/attach.js";
import { Composer } from "../composer/composer.js";
import { Conversation } from "./conversation.js";
import { el } from "../lib/dom.js";
import { kindOf, pictureOf, showProgress, voiceFormat } from "./file.js";
import { History, loadAtEdges } from "./history.js";
import { showNotice, showPeer } from "./notice.js";
import { Outbox, sender, troubleIn } from "../composer/outbox.js";

const ANNOUNCED_FOR = 5_000; // ms, then it would only be read a second time
const ANNOUNCED = 3; // messages read aloud at once; after a long absence the rest is only counted in the list

export class Room {
  #readUpTo;
  #reading = false;
  #announced = 0; // timer
  #missed = 0; // messages that came while the reader was elsewhere in the conversation

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
    this.jump.addEventListener("click", () => this.toNewest());
    this.scroller.addEventListener("keydown", (event) => {
      if (event.key !== "End" || this.conversation.atEnd) return;
      event.preventDefault();
      this.toNewest();
    });
    if (page.at) this.conversation.reveal(page.at);
    this.#showJump();
  }

  #build() {
    const name = `${this.page.user}:${this.page.case}`;
    this.conversation = this.#newConversation();
    this.composer = new Composer({ form: this.form, name: `draft:${name}`, onSend: (text) => this.#send(text) });
    this.history = this.#newHistory();
    this.outbox = this.#newOutbox(`outbox:${name}`);
    this.#takeFiles();
    this.#sweep();
    this.outbox.wake();
    loadAtEdges(this.history, this);
  }

  #newConversation() {
    const { page, words, format, scroller } = this;
    return new Conversation({
      list: document.getElementById("messages"),
      scroller,
      edges: { older: document.getElementById("older").parentElement, newer: document.getElementById("newer").parentElement },
      messages: page.messages,
      words,
      format,
      newest: page.last_seq,
      peerRead: page.peer_read_seq,
      notified: page.notified_seq,
      recallable: (message) => page.recall_seconds * 1000 - (Date.now() - this.clockAhead - new Date(message.created_at)),
      actions: {
        recall: (seq, button) => this.#recall(seq, button),
        editAgain: (text) => this.composer.write(text),
        retry: (id) => this.outbox.retry(id),
        discard: (id) => this.outbox.remove(id),
      },
    });
  }

  #newHistory() {
    return new History({
      api: this.api,
      url: `${this.url}messages/`,
      conversation: this.conversation,
      onNew: (added) => this.#arrived(added),
      onMissed: (count) => this.#miss(count),
      onMore: () => this.#sweep(),
    });
  }

  #newOutbox(name) {
    const { page, words, api } = this;
    return new Outbox({
      name,
      of: page.case,
      send: sender({ api, url: `${this.url}messages/`, words }),
      onChange: (items) => this.conversation.keepPlace(() => this.conversation.putWaiting(items)),
      onProgress: (id, part) => showProgress(this.conversation.list, id, part),
      onSent: this.onSent,
      onTrouble: (item) => this.#say([troubleIn(item, words)]),
    });
  }

  #takeFiles() {
    const { page, words, format, form } = this;
    const send = (blob, name) => {
      this.outbox.addFile(blob, name, kindOf(blob));
      this.conversation.toBottom();
    };
    const zone = document.getElementById("conversation");
    const attach = new Attach({ form, zone, limits: page.files, words, format, onFile: send });
    this.#offerVoice({ format: voiceFormat(page.files.types), words, onVoice: send, say: (text) => attach.say(text) });
    this.conversation.list.addEventListener("click", (event) => this.#openPicture(event));
  }

  // Recorder and viewer are fetched when they are wanted first: most visits need neither.
  #offerVoice(parts) {
    const start = document.getElementById("record");
    start.hidden = !parts.format;
    start.addEventListener("click", async () => {
      start.disabled = true; // a second tap would record twice
      try {
        const { Voice } = await import("../composer/voice.js");
        this.voice ??= new Voice(parts);
      } catch {
        parts.say(this.words.recordFailed);
        return;
      } finally {
        start.disabled = false;
      }
      if (start.isConnected) this.voice.record();
    });
  }

  async #openPicture(event) {
    const link = pictureOf(event);
    if (!link) return;
    event.preventDefault();
    try {
      const { Viewer } = await import("./viewer.js");
      this.viewer ??= new Viewer({ list: this.conversation.list, words: this.words });
    } catch {
      location.assign(link.href); // a download
      return;
    }
    if (this.conversation.list.isConnected) this.viewer.open(link);
  }

  // A message came by the stream: it is new, or it was recalled, or some before it are missing.
  took(message) {
    const { conversation } = this;
    // The stream does not know the reader's language; what the site itself says is asked for in it.
    if (message.sender.role === "system") return this.history.catchUp();
    const { atEnd, newest } = conversation;
    if (atEnd && message.seq > newest + 1) return this.history.catchUp();
    if (message.recalled) this.announcer.replaceChildren();
    const added = conversation.put([message]);
    if (added.length) this.#arrived(added);
    else if (message.seq > newest) {
      conversation.heardOf(message.seq);
      this.#arrived([message]);
    }
    return Promise.resolve();
  }

  #send(text) {
    this.outbox.add(text);
    this.toNewest();
  }

  // To the newest message, which may have to be fetched first.
  async toNewest() {
    try {
      await this.history.toNewest();
    } catch {
      this.jump.querySelector("span").textContent = this.words.loadFailed;
      return;
    }
    this.#showJump();
    this.readIfSeen();
  }

  // Show the message with this seq. Fails when it cannot be fetched.
  async goTo(seq) {
    await this.history.goTo(seq);
    this.#showJump();
  }

  // What the page already shows as written needs no second try.
  #sweep() {
    for (const id of this.conversation.clientIds()) this.outbox.remove(id);
  }

  #arrived(messages) {
    for (const message of messages) {
      if (message.sender.me) this.outbox.remove(message.client_id);
    }
    const others = messages.filter((message) => !message.sender.me);
    if (others.length) this.#announce(others.slice(-ANNOUNCED));
    this.#miss(this.conversation.atBottom ? 0 : others.length);
    this.readIfSeen();
  }

  #miss(count) {
    this.#missed += count;
    this.#showJump();
  }

  // The way back to the newest message, with how many came meanwhile.
  #showJump() {
    const { conversation, words } = this;
    if (conversation.atBottom) this.#missed = 0;
    this.jump.hidden = conversation.atEnd && !this.#missed;
    const label = this.#missed ? `${words.newMessages} ${this.#missed}` : words.toNewest;
    this.jump.querySelector("span").textContent = label;
  }

  #announce(messages) {
    const who = ({ name }) => (name ? `${name}：` : ""); // what the site says has no name
    this.#say(messages.map((one) => who(one.sender) + (one.recalled ? this.words.recalled : one.body)));
  }

  #say(texts) {
    this.announcer.replaceChildren(...texts.map((text) => el("span", {}, text)));
    clearTimeout(this.#announced);
    this.#announced = setTimeout(() => this.announcer.replaceChildren(), ANNOUNCED_FOR);
  }

  #scrolled() {
    this.#showJump();
    if (this.conversation.atBottom) this.readIfSeen();
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
      this.onRead(seq);
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
    this.conversation.readUpTo(one.peer_read_seq ?? 0);
    this.conversation.keepPlace(() => {
      if (page.is_member) this.conversation.notifiedUpTo(one.notified_seq);
      showNotice(one, { words, format: this.format });
      this.form.hidden = one.status === "closed";
    });
    showPeer(one, words);
  }

  // Signed out: what was read goes from the screen; what was not sent yet stays for whoever comes back.
  cover() {
    this.#putAway();
    for (const part of document.querySelectorAll("#conversation > :not(#scroller, .composer)")) part.remove();
    for (const read of document.querySelectorAll(".older, #next-steps, #messages > :not(.pending)")) read.remove();
  }

  // This person may not see the case any more: nothing of it stays on the screen.
  leave() {
    this.voice?.cancel();
    this.#putAway();
    document.getElementById("conversation").replaceChildren();
  }

  // What stands over or beside the conversation shows something of the case as well.
  #putAway() {
    this.announcer.replaceChildren();
    for (const dialog of document.querySelectorAll("dialog")) dialog.remove();
    for (const beside of document.querySelectorAll(".messenger > :not(.cases, #conversation, #announcer)")) beside.remove();
  }
}
