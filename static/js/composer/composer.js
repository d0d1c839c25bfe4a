// The box to write in; what is written is kept as a draft.

import { Draft } from "../lib/store.js";
import { Keyboard } from "./keyboard.js";

export class Composer {
  constructor({ form, name, onSend }) {
    this.form = form;
    this.box = form.querySelector("textarea");
    this.onSend = onSend;
    this.draft = new Draft(this.box, name);
    this.box.required = false; // an empty box is not worth a complaint
    this.keyboard = new Keyboard(this.box, () => form.requestSubmit());
    form.addEventListener("submit", (event) => this.#submit(event));
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
