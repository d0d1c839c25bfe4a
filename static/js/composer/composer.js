// The box to write in: Enter sends and Shift+Enter breaks the line, on a touch keyboard Enter breaks it; what is written
// is kept as a draft.

import { Draft } from "../lib/store.js";

// There is no Shift to hold, and whoever wants a new line must not have sent half a message.
const touch = matchMedia("(pointer: coarse) and (hover: none)");

export class Composer {
  constructor({ form, name, onSend }) {
    this.form = form;
    this.box = form.querySelector("textarea");
    this.onSend = onSend;
    this.draft = new Draft(this.box, name);
    this.box.required = false; // an empty box is not worth a complaint
    this.box.enterKeyHint = touch.matches ? "enter" : "send";
    form.addEventListener("submit", (event) => this.#submit(event));
    this.box.addEventListener("keydown", (event) => this.#key(event));
    this.box.addEventListener("input", () => this.#fit());
    this.#changed();
  }

  // Put a text into the box, before what is being written there.
  write(text) {
    this.box.value = [text, this.box.value].filter(Boolean).join("\n");
    this.#changed();
    this.box.focus();
  }

  // Not by a key: whoever looks at what is written is told all the same.
  #changed() {
    this.box.dispatchEvent(new Event("input", { bubbles: true }));
  }

  #key(event) {
    // The Enter that ends a Chinese input method's word is not meant for us. Safari has ended composing by then,
    // and says 229.
    const composing = event.isComposing || event.keyCode === 229;
    if (event.key !== "Enter" || event.shiftKey || event.altKey || composing || touch.matches) return;
    event.preventDefault();
    this.form.requestSubmit();
  }

  #submit(event) {
    event.preventDefault();
    const text = this.box.value.trim();
    if (!text) return;
    this.box.value = "";
    this.draft.keep();
    this.#changed();
    this.onSend(text);
    this.box.focus();
  }

  #fit() {
    this.box.style.height = "auto";
    this.box.style.height = `${this.box.scrollHeight + 2}px`;
  }
}
