// Canned replies in the message box: `/` and a few letters open a list, Enter or Tab inserts the chosen one. It never
// sends. A combobox as ARIA describes it, on the box itself and only while the list is open.

import { el } from "../lib/dom.js";

// At the beginning, or after a space or line break. Chinese input methods write 、 or ／ for the same key.
const ASKED = /(?:^|\s)([/／、]([^\s/／、]{0,20}))$/u;
const FRESH_FOR = 60_000; // ms
const SHOWN = 8; // at once; more letters find the others

export class CannedReplies {
  #replies = null; // as the server filled them in for this case
  #loadedAt = -FRESH_FOR;
  #loading = null;
  #found = [];
  #active = 0;
  #dismissed = null; // where the `/` stands whose list was closed
  #byButton = null; // where the `/` stands that the button wrote
  #wanted = false; // whether the button was pressed while the replies were on their way

  // `keyboard`: the box's.
  constructor({ form, url, page, words, api, keyboard }) {
    Object.assign(this, { form, url, words, api });
    this.box = form.querySelector("textarea");
    this.list = el("ul", { class: "reply-list", id: "reply-list", role: "listbox", "aria-label": words.replies });
    this.foot = el("p", { class: "reply-foot" }, `${words.replyKeys} · `, el("a", { href: page.replies }, words.replyManage));
    this.popup = el("div", { class: "reply-popup", hidden: true }, this.list, this.foot);
    this.said = el("p", { class: "sr", role: "status" });
    form.before(this.popup, this.said);
    keyboard.register({ take: (event) => this.#take(event), onCaret: (event) => this.#look(event) });
    for (const name of ["input", "click", "compositionend"]) this.box.addEventListener(name, (event) => this.#look(event));
    this.box.addEventListener("focus", () => this.#load());
    this.box.addEventListener("blur", () => this.#close());
    this.popup.addEventListener("mousedown", (event) => event.preventDefault()); // the box keeps the focus
    this.list.addEventListener("click", (event) => this.#clicked(event));
    form.addEventListener("submit", () => this.#close());
    this.button = document.getElementById("canned");
    this.button.hidden = false;
    this.button.addEventListener("mousedown", (event) => event.preventDefault());
    this.button.addEventListener("click", () => this.#askByButton());
    this.#load();
  }

  // A `/` where one writes, as if it had been typed; it goes again when nothing is chosen.
  #askByButton() {
    const { box } = this;
    if (this.#isOpen) return this.#close();
    if (!this.#replies) {
      this.#wanted = true;
      box.focus();
      return this.#load();
    }
    if (this.#replies.length === 0) return location.assign(this.foot.querySelector("a").href);
    box.focus();
    const caret = box.selectionEnd;
    const space = /\S$/.test(box.value.slice(0, caret)) ? " " : "";
    box.setRangeText(`${space}/`, caret, caret, "end");
    this.#byButton = caret + space.length;
    box.dispatchEvent(new Event("input", { bubbles: true }));
    return undefined;
  }

  #load() {
    if (this.#loading || performance.now() - this.#loadedAt < FRESH_FOR) return;
    this.#loading = this.api
      .get(this.url)
      .then((replies) => {
        this.#replies = replies;
        this.#loadedAt = performance.now();
        if (document.activeElement !== this.box) return;
        if (this.#wanted) this.#askByButton();
        else this.#look({});
      })
      .catch(() => {}) // the next time the box is entered
      .finally(() => {
        this.#loading = null;
        this.#wanted = false;
      });
  }

  // The `/` before the caret and what follows it, if it asks for a reply.
  #asked() {
    const { selectionStart: caret, selectionEnd } = this.box;
    const match = caret === selectionEnd && ASKED.exec(this.box.value.slice(0, caret));
    return match ? { start: caret - match[1].length, caret, word: match[2].toLowerCase() } : null;
  }

  #look(event) {
    if (event.isComposing) return; // what the input method shows is not written yet
    const asked = this.#asked();
    if (asked?.start !== this.#dismissed) this.#dismissed = null;
    if (!asked || !this.#replies || this.#dismissed !== null) {
      this.#close();
      return;
    }
    this.#found = find(this.#replies, asked.word).slice(0, SHOWN);
    if (this.#found.length) this.#open();
    else this.#close();
  }

  get #isOpen() {
    return !this.popup.hidden;
  }

  #open() {
    this.list.replaceChildren(...this.#found.map((reply, index) => this.#option(reply, index)));
    this.popup.hidden = false;
    for (const [name, value] of Object.entries(COMBOBOX)) this.box.setAttribute(name, value);
    this.#activate(0);
  }

  #close() {
    if (!this.#isOpen) return;
    this.popup.hidden = true;
    for (const name of [...Object.keys(COMBOBOX), "aria-activedescendant"]) this.box.removeAttribute(name);
    const at = this.#byButton;
    this.#byButton = null;
    if (at === null || this.#asked()?.start !== at || this.#asked().word) return;
    this.box.setRangeText("", at, at + 1, "end");
    this.box.dispatchEvent(new Event("input", { bubbles: true }));
  }

  #option(reply, index) {
    return el(
      "li",
      { role: "option", id: `reply-${index}`, "data-index": index },
      el("span", { class: "reply-word" }, `/${reply.shortcut}`),
      " ",
      reply.shared ? el("span", { class: "chip" }, this.words.replyShared) : null,
      " ",
      el("span", { class: "reply-text" }, reply.body),
    );
  }

  #activate(index) {
    this.#active = (index + this.#found.length) % this.#found.length;
    [...this.list.children].forEach((one, at) => one.setAttribute("aria-selected", at === this.#active));
    this.box.setAttribute("aria-activedescendant", `reply-${this.#active}`);
    this.list.children[this.#active].scrollIntoView({ block: "nearest" });
  }

  // Returns whether the key was for the open list.
  #take(event) {
    if (!this.#isOpen || event.ctrlKey || event.metaKey || event.altKey || event.shiftKey) return false;
    const does = {
      ArrowDown: () => this.#activate(this.#active + 1),
      ArrowUp: () => this.#activate(this.#active - 1),
      Enter: () => this.#pick(this.#active),
      Tab: () => this.#pick(this.#active),
      Escape: () => this.#dismiss(),
    }[event.key];
    does?.();
    return Boolean(does);
  }

  #dismiss() {
    this.#dismissed = this.#asked()?.start ?? null;
    this.#close();
  }

  #clicked(event) {
    const option = event.target.closest("[role=option]");
    if (option) this.#pick(Number(option.dataset.index));
  }

  // Put the reply in place of the `/` and its letters. Nothing is sent.
  #pick(index) {
    const { box } = this;
    const asked = this.#asked();
    const text = this.#found[index].body;
    if (!asked) return;
    if (box.value.length - (asked.caret - asked.start) + text.length > box.dataset.limit) {
      this.said.textContent = this.words.replyTooLong;
      this.foot.textContent = this.words.replyTooLong;
      return;
    }
    this.#byButton = null; // it is replaced
    this.#close();
    box.setSelectionRange(asked.start, asked.caret);
    // The browser's own way of writing can be undone by Ctrl+Z.
    if (document.execCommand?.("insertText", false, text)) return;
    box.setRangeText(text, asked.start, asked.caret, "end");
    box.dispatchEvent(new Event("input", { bubbles: true }));
  }
}

const COMBOBOX = {
  role: "combobox",
  "aria-expanded": "true",
  "aria-haspopup": "listbox",
  "aria-autocomplete": "list",
  "aria-controls": "reply-list",
};

// Those whose shortcut begins with the word; if there are none, those that have it anywhere.
function find(replies, word) {
  const named = replies.filter((reply) => reply.shortcut.toLowerCase().startsWith(word));
  if (named.length) return named;
  return replies.filter((reply) => `${reply.shortcut} ${reply.body}`.toLowerCase().includes(word));
}
