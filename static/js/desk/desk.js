// What stands beside the conversation on the advisor's desk: the notes, live, and what may be done with the case.

import { ApiError, newId, oneAtATime } from "../lib/api.js";
import { CannedReplies } from "../composer/canned.js";
import { el } from "../lib/dom.js";
import { Draft } from "../lib/store.js";

export class Desk {
  #saving = false;
  #tried = null; // what was last sent under the client_id that the form has
  #known; // the id up to which no note is missing

  // The desk of the open case, or null where the page has none: a member's.
  static of(parts) {
    const element = document.getElementById("desk");
    return element && new Desk({ element, ...parts });
  }

  // `keyboard`: that of the box one writes in, where there is one.
  constructor({ element, page, words, format, api, keyboard }) {
    Object.assign(this, { element, words, format, api });
    this.url = `${page.cases}${page.case}/`;
    this.form = element.querySelector("#note-form");
    this.box = this.form.querySelector("textarea");
    this.list = element.querySelector("#notes");
    this.said = element.querySelector("#note-error");
    this.#known = Number(this.list.firstElementChild?.dataset.note ?? 0);
    this.draft = new Draft(this.box, `note:${page.user}:${page.case}`);
    for (const time of element.querySelectorAll(".note time")) time.textContent = this.#time(time.dateTime);
    this.form.addEventListener("submit", (event) => this.#submit(event));
    this.catchUp = oneAtATime(() => this.#catchUp());
    const form = document.getElementById("compose");
    if (keyboard) new CannedReplies({ form, url: `${this.url}replies/`, page, words, api, keyboard });
  }

  // A note came by the stream, for the case it belongs to.
  took(note) {
    if (this.list.querySelector(`[data-note="${note.id}"]`)) return;
    const next = [...this.list.children].find((one) => Number(one.dataset.note) < note.id);
    this.list.insertBefore(this.#element(note), next ?? null);
  }

  // Ask for what was written since: the stream may have been away.
  async #catchUp() {
    const { notes } = await this.api.get(`${this.url}notes/?after=${this.#known}&limit=100`);
    for (const note of notes) this.took(note);
    this.#known = Math.max(this.#known, ...notes.map((note) => note.id));
  }

  // What the list of cases knows about the open one.
  show(one) {
    const closed = one.status === "closed";
    this.element.querySelector("#close-case").hidden = closed;
    this.element.querySelector("#reopen-case").hidden = !closed;
    this.element.querySelector("#case-status").textContent = closed ? this.words.closed : this.words.statusOpen;
  }

  // The advisor does not follow the case any more: nothing of it stays.
  leave() {
    this.box.value = "";
    this.draft.keep();
    this.element.remove();
  }

  async #submit(event) {
    event.preventDefault();
    const body = this.box.value.trim();
    if (!body || this.#saving) return;
    this.#saving = true;
    this.said.textContent = "";
    const id = this.form.elements.client_id;
    // Of a try that failed the server may have the note all the same: another text is another note.
    if (body !== (this.#tried ?? body)) id.value = newId();
    this.#tried = body;
    try {
      this.took(await this.api.post(`${this.url}notes/`, { body, client_id: id.value }));
      id.value = newId();
      this.#tried = null;
      if (this.box.value.trim() === body) this.box.value = "";
      this.draft.keep();
    } catch (error) {
      // It stays in the box under the same client_id: saved again, it is not doubled.
      this.said.textContent = (error instanceof ApiError && error.detail) || this.words.noteFailed;
    } finally {
      this.#saving = false;
    }
  }

  #element(note) {
    const meta = el(
      "p",
      { class: "note-meta" },
      el("bdi", { class: "name" }, note.author.name),
      " ",
      el("time", { datetime: note.created_at }, this.#time(note.created_at)),
    );
    const kind = note.handed_to ? el("p", { class: "note-kind" }, `${this.words.handedTo} `, el("bdi", {}, note.handed_to)) : null;
    return el("li", { class: "note", "data-note": note.id }, meta, kind, el("p", { class: "text" }, note.body));
  }

  #time(iso) {
    const date = new Date(iso);
    const time = this.format.time(date);
    const short = this.format.short(date);
    return short === time ? time : `${short} ${time}`;
  }
}
