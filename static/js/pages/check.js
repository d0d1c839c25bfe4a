// What a browser can see by itself, a field left empty or half an address, is told at once in the words the server would
// use, all of it in one round. Nothing goes out, so no password has to be typed again. The rest the server says.

import { el } from "../lib/dom.js";

for (const form of document.querySelectorAll("form[novalidate]")) {
  form.addEventListener(
    "submit",
    (event) => {
      const wrong = [...form.querySelectorAll(".field[data-required]")].filter((field) => !check(field));
      if (!wrong.length) return;
      event.preventDefault();
      form.querySelector(".summary")?.remove(); // of the round before
      event.stopImmediatePropagation(); // whoever lets a form go only once must not count this
      wrong[0].querySelector("[aria-invalid]").focus();
    },
    { capture: true },
  );
}

function check(field) {
  const input = field.querySelector("input, textarea, select");
  const { valueMissing, typeMismatch } = input.validity;
  const blank = input.type !== "password" && input.required && !input.value.trim();
  const said = valueMissing || blank ? field.dataset.required : typeMismatch ? field.dataset.invalid : "";
  const id = `${input.id}_error`;
  field.querySelector(".errorlist")?.remove();
  const others = (input.getAttribute("aria-describedby") ?? "").split(" ").filter((one) => one && one !== id);
  if (said) input.after(el("ul", { class: "errorlist", id }, el("li", {}, said)));
  field.classList.toggle("invalid", Boolean(said));
  if (said) input.setAttribute("aria-invalid", "true");
  else input.removeAttribute("aria-invalid");
  input.setAttribute("aria-describedby", [...others, ...(said ? [id] : [])].join(" "));
  return !said;
}
