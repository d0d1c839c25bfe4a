// The box to write in: Enter sends, Shift+Enter breaks the line; what is written is kept as a draft.

import { Draft } from "./store.js";

export class Composer {
  constructor({ form, name, onSend }) {
    this.form = form;
    this.box = form.querySelector("textarea");
    this.onSend = onSend;
    this.draft = new Draft(this.box, name);
    this.box.required = false; // an empty box is not worth a complaint
    this.#fit();
    form.addEventListener("submit", (event) => this.#submit(event));
    this.box.addEventListener("keydown", (event) => this.#key(event));
    this.box.addEventListener("input", () => this.#fit());
  }

  // Put a text into the box, before what is being written there.
  write(text) {
    this.box.value = [text, this.box.value].filter(Boolean).join("\n");
    this.draft.keepSoon();
    this.#fit();
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
    this.draft.keep();
    this.#fit();
    this.onSend(text);
    this.box.focus();
  }

  #fit() {
    this.box.style.height = "auto";
    this.box.style.height = `${this.box.scrollHeight + 2}px`;
  }
}
