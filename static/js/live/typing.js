// “对方正在输入…”: told while somebody really writes, shown for a moment on the other side.

const EVERY = 3_000; // ms between two notices
const SHOWN_FOR = 6_000; // ms; the next notice comes before, as long as they write

// Call `tell()` while text is being written into the box. A draft that was put back is not being written.
export function reportTyping(box, tell) {
  let last = -EVERY;
  box.addEventListener("input", () => {
    if (!box.value.trim() || performance.now() - last < EVERY) return;
    last = performance.now();
    tell();
  });
}

export class TypingHint {
  #timer = 0;

  constructor(element) {
    this.element = element;
  }

  show() {
    clearTimeout(this.#timer);
    this.element.hidden = false;
    this.#timer = setTimeout(() => this.hide(), SHOWN_FOR);
  }

  hide() {
    clearTimeout(this.#timer);
    this.element.hidden = true;
  }
}
