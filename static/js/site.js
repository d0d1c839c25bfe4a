// What every page needs: the account menu, forms that must go once, and a tidy device after signing out.

import { forgetEverything } from "./store.js";

for (const menu of document.querySelectorAll("[data-menu]")) {
  document.addEventListener("click", (event) => {
    if (!menu.contains(event.target)) menu.open = false;
  });
  menu.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    menu.open = false;
    menu.querySelector("summary").focus();
  });
}

for (const form of document.querySelectorAll("form[data-sign-out]")) {
  form.addEventListener("submit", async (event) => {
    event.preventDefault(); // a page that is left would not finish it
    await forgetEverything();
    form.submit();
  });
}

// A second click before the answer would open a second case or complain that the address is taken.
for (const form of document.querySelectorAll("form[data-once]")) {
  let sent = false;
  form.addEventListener("submit", (event) => {
    if (sent) event.preventDefault();
    sent = true;
  });
  window.addEventListener("pageshow", () => {
    sent = false;
  });
}

document.querySelector("form .invalid [aria-invalid]")?.focus();
