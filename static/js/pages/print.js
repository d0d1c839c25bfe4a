// The button of the page for printing. Nothing of a case stays on the screen when somebody signs out in another tab.

const RELOAD_AFTER = 1_000; // ms; by then the other tab has signed out

const button = document.getElementById("print");
button.hidden = false;
button.addEventListener("click", () => window.print());

const others = typeof BroadcastChannel === "undefined" ? null : new BroadcastChannel("jiayi-sign-out");
others?.addEventListener("message", () => setTimeout(() => location.reload(), RELOAD_AFTER));
