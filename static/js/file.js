// The file of a message: a link to its bytes, with a picture of it where it is one, and a player where it is sound.

import { el } from "./dom.js";

export function readFile(link) {
  if (!link) return null;
  const name = link.querySelector(".file-name").textContent;
  const thumbnail = link.querySelector("img")?.getAttribute("src") ?? null;
  const { size, kind } = link.dataset;
  return { name, size: Number(size), kind, url: link.getAttribute("href"), thumbnail };
}

export function fileElements({ name, size, kind, url, thumbnail }, format) {
  const link = el(
    "a",
    { class: "file", href: url, download: true, "data-size": size, "data-kind": kind },
    thumbnail ? el("img", { src: thumbnail, alt: "", width: 192, height: 144 }) : null,
    el("span", { class: "file-name" }, name),
    " ",
    el("span", { class: "file-size" }, format.size(size)),
  );
  if (kind !== "audio") return [link];
  return [el("audio", { class: "player", controls: true, preload: "none", src: url, "aria-label": name }), link];
}
