// How much may still be written into a box, once its limit is near. Nothing is ever cut off: what is too long is said,
// and not sent.

import { el } from "./dom.js";

const NEAR = 200; // characters
const watched = new WeakSet();

// `box`: a textarea with data-limit, data-left and data-over (templates/cases/_limit.html, jiayi/fields.py).
export function watchLimit(box) {
  if (watched.has(box)) return;
  watched.add(box);
  const { limit, left, over } = box.dataset;
  const said = el("p", { class: "limit", "aria-hidden": "true" });
  const announced = el("p", { class: "sr", role: "status" }); // not at every key
  box.after(said, announced);
  let was = "";
  const look = () => {
    const rest = limit - [...box.value.trim()].length; // as the server counts
    const text = rest < 0 ? over.replace("{n}", -rest) : rest <= NEAR ? left.replace("{n}", rest) : "";
    const state = rest < 0 ? "over" : text && "near";
    box.setCustomValidity(rest < 0 ? text : "");
    said.textContent = text;
    said.classList.toggle("over", rest < 0);
    if (state !== was) setTimeout(() => (announced.textContent = text), 50); // only a change is announced
    was = state;
  };
  box.addEventListener("input", look);
  look();
}
