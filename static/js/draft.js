// What is being written into a box is kept on this device until it is sent.

import { load, save } from "./store.js";

const AFTER = 400; // ms without typing

export class Draft {
  #timer = 0;
  #kept;

  // `name`: that of store.js. An empty box is given what was kept.
  constructor(box, name) {
    Object.assign(this, { box, name });
    this.#kept = load(name, "");
    if (!box.value) box.value = this.#kept;
    box.addEventListener("input", () => this.keepSoon());
    window.addEventListener("pagehide", () => this.keep());
  }

  keepSoon() {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.keep(), AFTER);
  }

  // Another tab may have kept or sent something since: one in which nothing was written does not undo that.
  keep() {
    clearTimeout(this.#timer);
    if (this.box.value === this.#kept) return;
    this.#kept = this.box.value;
    save(this.name, this.#kept);
  }
}
