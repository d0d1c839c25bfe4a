// The line above the conversation that says what is wrong, and nothing when nothing is.

import { el } from "../lib/dom.js";

const GRACE = 1_500; // ms; a connection that is back at once was not worth a word

export class Banner {
  #timer = 0;
  #final = false;

  constructor(element, words) {
    this.element = element;
    this.words = words;
  }

  lost() {
    if (this.#final || this.#timer || !this.element.hidden) return;
    this.#timer = setTimeout(() => this.#show(this.words.lost), GRACE);
  }

  fine() {
    if (this.#final) return;
    clearTimeout(this.#timer);
    this.#timer = 0;
    this.element.hidden = true;
  }

  // Nothing more can happen on this page: say why, and where to go.
  final(text, label, href) {
    if (this.#final) return;
    this.#final = true;
    clearTimeout(this.#timer);
    this.element.classList.add("serious");
    this.#show(text, " ", el("a", { href }, label));
  }

  #show(...content) {
    this.#timer = 0;
    this.element.hidden = false;
    this.element.replaceChildren(...content);
  }
}
