// What tells somebody who looks elsewhere that there is a new message: the badge on the tab's icon, a sound, a desktop
// notification. One tab of all does; none while the case is before somebody's eyes.

export const SWITCH_KEY = "jiayi-switch-"; // not "jiayi:", which signing out clears: it is the browser's, and of nobody
const withChime = () => import("./chime.js"); // most people have no sound on
const FRESH = 60_000; // ms; a case that comes into the list with an older message was only filtered out before
const GRACE = 1_000; // ms within which somebody who sees the message has read it, on whatever device

const canNotify = () => "Notification" in window && Notification.permission === "granted";

export function isOn(name) {
  try {
    return localStorage.getItem(SWITCH_KEY + name) === "on" && (name !== "notify" || canNotify());
  } catch {
    return false;
  }
}

export class Alerts {
  #unread = null; // case number -> count; null before the first list
  #considered = new Set();
  #icon = new Icon(document.querySelector("link[rel~=icon]"));

  // `stream()`: the page's stream; `isLooking(number)`: whether this tab shows that case to somebody.
  constructor({ words, pages, stream, isLooking }) {
    Object.assign(this, { words, pages, stream, isLooking });
    if (isOn("sound")) withChime().then(({ armChime }) => armChime(() => isOn("sound")), () => {});
  }

  // The cases as the list knows them now.
  update(cases) {
    const before = this.#unread;
    this.#unread = new Map([...(before ?? []), ...cases.map((one) => [one.number, one.unread])]);
    const sum = cases.reduce((all, one) => all + one.unread, 0);
    this.#icon.count(sum);
    navigator.setAppBadge?.(sum).catch(() => {}); // on the icon of the installed app
    if (!before) return;
    for (const one of cases) if (one.unread > (before.get(one.number) ?? atFirst(one))) this.#consider(one.number);
  }

  async #consider(number) {
    if (this.#considered.has(number) || !this.stream().leads) return;
    this.#considered.add(number);
    await new Promise((resolve) => setTimeout(resolve, GRACE));
    const seen = this.isLooking(number) || (await this.stream().anybody({ looking: number }));
    this.#considered.delete(number);
    if (seen || !this.#unread.get(number)) return;
    if (isOn("sound")) withChime().then(({ chime }) => chime(), () => {});
    if (isOn("notify")) this.#notify(number);
  }

  // Without a word of the message: it may show on a locked screen.
  #notify(number) {
    try {
      const body = this.words.newIn.replace("{number}", number);
      const shown = new Notification(this.words.brand, { body, tag: `jiayi-${number}`, icon: this.#icon.url });
      shown.onclick = () => {
        window.focus();
        shown.close();
        if (!location.pathname.endsWith(`/${number}/`)) location.assign(`${this.pages}${number}/`);
      };
    } catch {
      // phones only take notifications from a service worker
    }
  }
}

function atFirst({ last_message: last }) {
  return last && Date.now() - new Date(last.created_at) < FRESH ? 0 : Infinity;
}

// The site's icon with a number on it. The ring around the number is transparent: it stands on light and on dark.
class Icon {
  #image = null;
  #count = 0;

  constructor(link) {
    this.link = link;
    this.url = link?.href;
    this.type = link?.type;
  }

  async count(count) {
    if (!this.link || count === this.#count) return;
    this.#count = count;
    if (count) {
      this.#image ??= loaded(this.url);
      const image = await this.#image.catch(() => null);
      if (!image || count !== this.#count) return;
      Object.assign(this.link, { type: "image/png", href: drawn(image, count > 9 ? "9+" : String(count)) });
    } else Object.assign(this.link, { type: this.type, href: this.url });
  }
}

async function loaded(url) {
  const image = new Image(64, 64);
  image.src = url;
  await image.decode();
  return image;
}

function drawn(image, text) {
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = 64;
  const pen = canvas.getContext("2d");
  const disc = (radius) => {
    pen.beginPath();
    pen.arc(43, 21, radius, 0, 2 * Math.PI);
    pen.fill();
  };
  pen.drawImage(image, 0, 0, 64, 64);
  pen.globalCompositeOperation = "destination-out";
  disc(25);
  pen.globalCompositeOperation = "source-over";
  pen.fillStyle = "#c8321f";
  disc(21);
  pen.fillStyle = "#fff";
  pen.font = `bold ${text.length > 1 ? 26 : 34}px system-ui, sans-serif`;
  pen.textAlign = "center";
  pen.textBaseline = "middle";
  pen.fillText(text, 43, 23);
  return canvas.toDataURL();
}
