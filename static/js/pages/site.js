// What every page needs: the account menu, forms that must go once, and a tidy device after signing out.

import { forgetEverything, keepOnlyOf, loadAll } from "../lib/store.js";

const RELOAD_AFTER = 1_000; // ms; by then the other tab has signed out

for (const menu of document.querySelectorAll("[data-menu]")) {
  document.addEventListener("click", (event) => {
    if (!menu.contains(event.target)) menu.open = false;
  });
  const work = () => import("./switches.js").then(({ workSwitches }) => workSwitches(menu), () => {});
  menu.addEventListener("toggle", work, { once: true });
  menu.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    menu.open = false;
    menu.querySelector("summary").focus();
  });
}

const { user } = document.body.dataset;
if (user) keepOnlyOf(user);

// What waits to be sent would be gone, and without a network one would still be signed in.
function maySignOut({ unsent, offline }) {
  if (!navigator.onLine) return alert(offline);
  const waiting = loadAll(`outbox:${user}:`).length;
  return !waiting || confirm(unsent.replace("{n}", waiting));
}

// Signing out in one tab tidies the others as well: they would keep their drafts again.
const others = typeof BroadcastChannel === "undefined" ? null : new BroadcastChannel("jiayi-sign-out");
for (const form of document.querySelectorAll("form[data-sign-out]")) {
  form.addEventListener("submit", async (event) => {
    event.preventDefault(); // a page that is left would not finish to forget
    if (!maySignOut(form.dataset)) return;
    window.dispatchEvent(new Event("signout")); // the message page's stream ends before it is refused
    others?.postMessage(null);
    navigator.clearAppBadge?.().catch(() => {}); // which alerts.js set
    await forgetEverything();
    form.submit();
  });
}
others?.addEventListener("message", () => {
  forgetEverything();
  if (document.querySelector("form[data-sign-out]")) setTimeout(() => location.reload(), RELOAD_AFTER);
});

// Near the limit of a long text it is said how much is left.
const NEAR_LIMIT = 0.9;
document.addEventListener("input", ({ target }) => {
  if (!(target.value?.length > target.dataset.limit * NEAR_LIMIT)) return;
  import("../lib/limit.js").then(({ watchLimit }) => watchLimit(target), () => {});
});

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

document.querySelector("form .summary, form .invalid [aria-invalid]")?.focus();
