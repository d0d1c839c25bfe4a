// To the next case that waits for this advisor, by the button above the list or by a key, round and round.

const IS_MAC = /Mac|iPhone|iPad/.test(navigator.platform);
// Free in browsers and screen readers, and writes no character; on a Mac, Option+N begins an ñ.
const KEYS = IS_MAC ? "Ctrl+Shift+N" : "Alt+N";

export class NextCase {
  // `address(number)`: where that case stands.
  constructor(address) {
    this.address = address;
    this.link = document.getElementById("next-waiting");
    this.nobody = document.getElementById("nobody-waits");
    this.link.title = this.link.dataset.title.replace("{keys}", KEYS);
    this.link.setAttribute("aria-keyshortcuts", KEYS.replace("Ctrl", "Control"));
    document.addEventListener("keydown", (event) => this.#key(event));
  }

  // `waiting`: the cases that wait, longest first; `open`: the number of the one on the page, to which nothing leads.
  update(waiting, open) {
    const at = waiting.findIndex((one) => one.number === open);
    const next = [...waiting.slice(at + 1), ...waiting.slice(0, Math.max(at, 0))][0];
    if (next) this.link.href = this.address(next.number);
    this.link.hidden = !next;
    this.nobody.hidden = Boolean(next);
  }

  #key(event) {
    if (event.code !== "KeyN" || event.repeat || event.isComposing || document.querySelector("dialog[open]")) return;
    const held = IS_MAC ? event.ctrlKey && event.shiftKey && !event.altKey : event.altKey && !event.ctrlKey && !event.shiftKey;
    if (!held || event.metaKey) return;
    event.preventDefault();
    if (!this.link.hidden) location.assign(this.link.href);
    else document.getElementById("announcer").textContent = this.nobody.textContent;
  }
}
