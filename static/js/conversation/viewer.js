// Looking at the pictures of a conversation: as large as the screen, arrow keys to the next, Escape back.

import { button, el } from "../lib/dom.js";

const PICTURES = "a.file[data-kind=image]"; // as in file.js

export class Viewer {
  #link = null;

  constructor({ list, words }) {
    Object.assign(this, { list, words });
    this.#build();
  }

  // Show the picture of this link, and from there the others of the conversation.
  open(link) {
    this.dialog.showModal(); // which gives the focus back to the picture at its end
    this.#show(link);
  }

  #build() {
    const { words } = this;
    this.name = el("span", { class: "viewer-name" });
    this.count = el("span", { class: "viewer-count" });
    this.download = el("a", { class: "link", download: true }, words.download);
    this.zoom = button(words.actualSize, "zoom", () => this.#fit(this.stage.classList.contains("actual")));
    this.previous = button("‹", "previous", () => this.#step(-1));
    this.next = button("›", "next", () => this.#step(1));
    this.previous.setAttribute("aria-label", words.previousImage);
    this.next.setAttribute("aria-label", words.nextImage);
    this.stage = el("div", { class: "viewer-stage", tabindex: "-1" });
    this.said = el("p", { class: "viewer-failed", role: "status", hidden: true });
    const close = button(words.close, "close", () => this.dialog.close());
    const title = el("p", { class: "viewer-title", "aria-live": "polite" }, this.name, " ", this.count);
    const head = el("header", { class: "viewer-head" }, title, this.zoom, this.download, close);
    this.dialog = el("dialog", { class: "viewer", "aria-label": words.picture }, head, this.stage, this.said, this.previous, this.next);
    this.dialog.addEventListener("keydown", (event) => this.#key(event));
    this.dialog.addEventListener("close", () => this.stage.replaceChildren());
    this.stage.addEventListener("click", (event) => event.target === this.stage && this.dialog.close());
    document.body.append(this.dialog);
    new MutationObserver(() => this.#follow()).observe(this.list, { childList: true, subtree: true });
  }

  // A picture that was recalled is not looked at any longer; one that was only drawn anew is.
  #follow() {
    if (!this.dialog.open || this.#link.isConnected) return;
    const same = this.#links.find(({ href }) => href === this.#link.href);
    if (same) this.#link = same;
    else this.dialog.close();
  }

  get #links() {
    return [...this.list.querySelectorAll(PICTURES)];
  }

  #key(event) {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!step || this.stage.classList.contains("actual")) return; // then the arrows move what is seen
    event.preventDefault();
    this.#step(step);
  }

  #step(step) {
    const links = this.#links;
    const next = links[links.indexOf(this.#link) + step];
    if (next) this.#show(next);
  }

  #show(link) {
    this.#link = link;
    const links = this.#links;
    const at = links.indexOf(link);
    const name = link.querySelector(".file-name").textContent;
    const thumbnail = link.querySelector("img");
    const [width, height] = ["width", "height"].map((side) => thumbnail.getAttribute(side));
    const picture = el("img", { src: link.getAttribute("href"), alt: name, width, height });
    picture.addEventListener("error", () => this.#fail(picture));
    this.said.hidden = true;
    this.stage.replaceChildren(picture);
    this.name.textContent = name;
    this.count.textContent = links.length > 1 ? `${at + 1} / ${links.length}` : "";
    this.download.href = link.getAttribute("href");
    this.previous.hidden = at === 0;
    this.next.hidden = at === links.length - 1;
    if (document.activeElement === document.body || document.activeElement?.hidden) this.stage.focus();
    this.#fit(true);
  }

  #fail(picture) {
    if (!picture.isConnected) return;
    picture.remove();
    this.said.textContent = this.words.imageFailed;
    this.said.hidden = false;
  }

  #fit(fit) {
    this.stage.classList.toggle("actual", !fit);
    this.zoom.textContent = fit ? this.words.actualSize : this.words.fitScreen;
    if (!fit) this.stage.focus(); // so that the arrow keys scroll
  }
}
