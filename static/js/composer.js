// The box to write in: Enter sends, Shift+Enter breaks the line; what is written is kept as a draft.

import { load, save } from "./store.js";

const DRAFT_AFTER = 400; // ms

export class Composer {
  #timer = 0;

  constructor({ form, name, onSend }) {
    this.form = form;
    this.box = form.querySelector("textarea");
    this.name = name;
    this.onSend = onSend;
    if (!this.box.value) this.box.value = load(name, "");
    this.box.required = false; // an empty box is not worth a complaint
    this.#fit();
    form.addEventListener("submit", (event) => this.#submit(event));
    this.box.addEventListener("keydown", (event) => this.#key(event));
    this.box.addEventListener("input", () => this.#changed());
    window.addEventListener("pagehide", () => this.#keep());
  }

  // Put a text into the box, before what is being written there.
  write(text) {
    this.box.value = [text, this.box.value].filter(Boolean).join("\n");
    this.#changed();
    this.box.focus();
  }

  #key(event) {
    // The Enter that ends a Chinese input method's word is not meant for us. Safari has ended composing by then,
    // and says 229.
    const composing = event.isComposing || event.keyCode === 229;
    if (event.key !== "Enter" || event.shiftKey || event.altKey || composing) return;
    event.preventDefault();
    this.form.requestSubmit();
  }

  #submit(event) {
    event.preventDefault();
    const text = this.box.value.trim();
    if (!text) return;
    this.box.value = "";
    this.#keep();
    this.#fit();
    this.onSend(text);
    this.box.focus();
  }

  #changed() {
    this.#fit();
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#keep(), DRAFT_AFTER);
  }

  #keep() {
    clearTimeout(this.#timer);
    save(this.name, this.box.value);
  }

  #fit() {
    this.box.style.height = "auto";
    this.box.style.height = `${this.box.scrollHeight + 2}px`;
  }
}
