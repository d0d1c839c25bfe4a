// Times in the reader's own zone and language, and text with links.

const URL_CHARACTERS = /https?:\/\/[A-Za-z0-9\-._~:/?#[\]@!$&'()*+,;=%]+/gi;
const NOT_LAST = ".,;:!?'*_~";
const DAY = 24 * 3600 * 1000; // ms

export class Format {
  constructor(locale, words) {
    const make = (options) => new Intl.DateTimeFormat(locale, options);
    this.words = words;
    this.locale = locale;
    const chinese = locale.startsWith("zh");
    this.clock = make({ hour: chinese ? "2-digit" : "numeric", minute: "2-digit", hourCycle: chinese ? "h23" : "h12" });
    this.monthDay = make({ month: "short", day: "numeric" });
    this.thisYear = make({ month: "long", day: "numeric", weekday: "long" });
    this.anyYear = make({ year: "numeric", month: "long", day: "numeric" });
    this.full = make({ dateStyle: "full", timeStyle: "long" });
  }

  // Two times of the same day, where the reader is, have the same key.
  dayKey(date) {
    const two = (number) => String(number).padStart(2, "0");
    return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
  }

  day(date) {
    const now = new Date();
    if (this.dayKey(date) === this.dayKey(now)) return this.words.today;
    if (this.dayKey(date) === this.dayKey(new Date(now - DAY))) return this.words.yesterday;
    return (date.getFullYear() === now.getFullYear() ? this.thisYear : this.anyYear).format(date);
  }

  // As short as a list needs: the time of today, else the day.
  short(date) {
    const now = new Date();
    if (this.dayKey(date) === this.dayKey(now)) return this.clock.format(date);
    return (date.getFullYear() === now.getFullYear() ? this.monthDay : this.anyYear).format(date);
  }

  time(date) {
    return this.clock.format(date);
  }

  // The time of today, else the day too.
  moment(date) {
    const today = this.dayKey(date) === this.dayKey(new Date());
    return today ? this.time(date) : `${this.short(date)} ${this.time(date)}`;
  }

  fullTime(date) {
    return this.full.format(date);
  }

  // "1.2 MB"
  size(bytes) {
    const units = ["byte", "kilobyte", "megabyte", "gigabyte"];
    const power = Math.min(units.length - 1, Math.floor(Math.log10(Math.max(1, bytes)) / 3));
    const options = { style: "unit", unit: units[power], unitDisplay: power ? "short" : "long", maximumFractionDigits: 1 };
    return new Intl.NumberFormat(this.locale, options).format(bytes / 1000 ** power);
  }

  // "12 minutes": how long ago, in the largest unit that fits.
  since(date) {
    const minutes = Math.max(1, Math.round((Date.now() - date) / 60_000));
    const [amount, unit] =
      minutes < 60 ? [minutes, "minute"] : minutes < 48 * 60 ? [Math.round(minutes / 60), "hour"] : [Math.round(minutes / 1440), "day"];
    return new Intl.NumberFormat(this.locale, { style: "unit", unit, unitDisplay: "long" }).format(amount);
  }
}

// Replace the content of `element` by `text` with its http and https addresses made into links. No markup is read.
export function putText(element, text) {
  element.replaceChildren();
  let done = 0;
  for (const { 0: found, index } of text.matchAll(URL_CHARACTERS)) {
    const address = withoutTrailing(found);
    const link = linkTo(address);
    if (!link) continue;
    element.append(text.slice(done, index), link);
    done = index + address.length;
  }
  element.append(text.slice(done));
}

// Punctuation after an address belongs to the sentence, as does a bracket that was opened before it.
function withoutTrailing(address) {
  let end = address.length;
  const opened = (open) => address.slice(0, end).includes(open);
  for (; end > 0; end -= 1) {
    const last = address[end - 1];
    const ours = NOT_LAST.includes(last) || (last === ")" && !opened("(")) || (last === "]" && !opened("["));
    if (!ours) break;
  }
  return address.slice(0, end);
}

function linkTo(address) {
  let url;
  try {
    url = new URL(address);
  } catch {
    return null;
  }
  if (url.protocol !== "http:" && url.protocol !== "https:") return null;
  // https://www.canada.ca@evil.example leads to evil.example: what stands before the @ is a name, and looks like a host.
  if (url.username || url.password || /^https?:\/\/[^/?#]*@/i.test(address)) return null;
  const link = document.createElement("a");
  link.href = url.href;
  link.target = "_blank";
  link.rel = "noopener noreferrer nofollow";
  link.textContent = address;
  return link;
}
