// The office hours of the practice in the reader's own time: at night in Shanghai, or on other days in Auckland.

const place = document.getElementById("office");
const locale = document.documentElement.lang === "zh-Hans" ? "zh-CN" : "en-CA";
const weekday = new Intl.DateTimeFormat(locale, { weekday: "short" });
const clock = new Intl.DateTimeFormat(locale, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
const { open, close, last, days, nextDay, yours } = place.dataset;

// `open` says in ISO what the clocks of the practice show, and how far they are from UTC.
const theirs = open.slice(11, 16);
const [begins, ends, final] = [open, close, last].map((one) => new Date(one));
if (clock.format(begins) !== theirs) {
  const [from, to] = [begins, final].map((one) => weekday.format(one));
  const span = from === to ? from : days.replace("{from}", from).replace("{to}", to);
  const later = begins.getDate() === ends.getDate() ? "" : nextDay;
  place.textContent = `${span} ${clock.format(begins)}–${[later, clock.format(ends)].filter(Boolean).join(" ")}${yours}`;
}
