// The switches for sound and desktop notifications: off until the person turns them on, remembered in this browser.

import { isOn, SWITCH_KEY } from "../live/alerts.js";

function keep(name, on) {
  try {
    if (on) localStorage.setItem(SWITCH_KEY + name, "on");
    else localStorage.removeItem(SWITCH_KEY + name);
  } catch {
    // no storage: nothing is remembered, and nothing is on
  }
}

// Phones show notifications by a service worker only, which this site does not have.
const hasNotifications = () => "Notification" in window && !/Android|iPhone|iPad/.test(navigator.userAgent);

// The switches of the account menu. The browser is asked for its permission on a click only.
export function workSwitches(root) {
  for (const button of root.querySelectorAll("[data-switch]")) {
    const name = button.dataset.switch;
    const show = () => button.setAttribute("aria-checked", String(isOn(name)));
    button.parentElement.hidden = name === "notify" && !hasNotifications();
    button.addEventListener("click", async () => {
      const on = !isOn(name);
      const allowed = !on || name !== "notify" || (await Notification.requestPermission()) === "granted";
      root.querySelector("[data-denied]").hidden = allowed;
      keep(name, on && allowed);
      show();
      if (on && name === "sound") import("../live/chime.js").then(({ chime }) => chime(), () => {}); // so that one knows it; and it needs this click
    });
    window.addEventListener("storage", show);
    show();
  }
}
