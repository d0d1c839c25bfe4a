// The keyboard of the box one writes in, the only place that listens to its keys. Enter sends and Shift+Enter breaks the
// line; on a touch keyboard Enter breaks it. Keys of an input method are its own. Whoever wants keys for a while, as the
// list of canned replies does, registers.

// There is no Shift to hold, and whoever wants a new line must not have sent half a message.
const touch = matchMedia("(pointer: coarse) and (hover: none)");
const CARET = ["ArrowLeft", "ArrowRight", "Home", "End"];

export class Keyboard {
  #others = [];

  constructor(box, send) {
    this.send = send;
    box.enterKeyHint = touch.matches ? "enter" : "send";
    box.addEventListener("keydown", (event) => this.#pressed(event));
    box.addEventListener("keyup", (event) => CARET.includes(event.key) && this.#others.forEach(({ onCaret }) => onCaret(event)));
  }

  // `take(event)`: returns whether it has done what the key is for; asked before the box's own keys. `onCaret(event)`: a
  // key has moved the caret.
  register(other) {
    this.#others.push(other);
  }

  #pressed(event) {
    // Also the Enter that ends a Chinese input method's word. Safari has ended composing by then, and says 229.
    if (event.isComposing || event.keyCode === 229) return;
    if (this.#others.some(({ take }) => take(event))) {
      event.preventDefault();
      event.stopPropagation();
    } else if (event.key === "Enter" && !event.shiftKey && !event.altKey && !touch.matches) {
      event.preventDefault();
      this.send();
    }
  }
}
