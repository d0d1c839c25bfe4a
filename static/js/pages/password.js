// A button in each form with passwords that shows what one typed, in all of its fields at once, and hides it again.

import "./check.js";
import { el } from "../lib/dom.js";

for (const form of document.querySelectorAll("form")) {
  const first = form.querySelector(".field.password");
  if (first) offer(form, first);
}

function offer(form, first) {
  const { show, hide } = first.dataset;
  const inputs = [...form.querySelectorAll(".field.password input")];
  const button = el("button", { type: "button", class: "link reveal", "aria-controls": inputs.map(({ id }) => id).join(" ") }, show);
  let shown = false;
  const set = (wanted) => {
    shown = wanted;
    for (const input of inputs) input.type = shown ? "text" : "password";
    button.textContent = shown ? hide : show;
  };
  button.addEventListener("click", () => set(!shown));
  // As text it would be remembered among what one typed into other forms, and no password manager would offer to keep it.
  form.addEventListener("submit", () => set(false));
  window.addEventListener("pagehide", () => set(false));
  for (const input of inputs) for (const [name, value] of [["autocapitalize", "none"], ["spellcheck", "false"]]) input.setAttribute(name, value);
  (first.querySelector(".errorlist") ?? first.querySelector("input")).after(button);
}
