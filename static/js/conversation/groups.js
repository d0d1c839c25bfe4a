// How messages stand together: under the heading of their day, and as one group what the same person said at a time.

import { el } from "../lib/dom.js";

const TOGETHER = 5 * 60 * 1000; // ms within which one person's messages stand as one group

// The heading of the day that begins with this message, or null.
export function dayOf(element) {
  const before = element.previousElementSibling;
  return before?.classList.contains("day") ? before : null;
}

// Give the element its day heading where a day begins, and join it to what the same person said just before.
// `messageOf(element)` is the message that an element of the list shows.
export function group(element, messageOf, format) {
  const heading = dayOf(element);
  const previous = (heading ?? element).previousElementSibling;
  const message = messageOf(element);
  const before = previous && messageOf(previous);
  const date = new Date(message.created_at);
  const begins = !before || format.dayKey(new Date(before.created_at)) !== format.dayKey(date);
  if (begins && !heading) {
    const time = el("time", { datetime: format.dayKey(date) }, format.day(date));
    element.before(el("li", { class: "day", "data-at": message.created_at }, time));
  } else if (!begins) heading?.remove();
  element.classList.toggle("continued", !begins && continues(message, before));
}

export function nextMessage(element) {
  const after = element.nextElementSibling;
  return after?.classList.contains("day") ? after.nextElementSibling : after;
}

// "Today" is not today any more after midnight.
export function renameDays(list, format) {
  for (const heading of list.querySelectorAll(".day")) {
    heading.firstChild.textContent = format.day(new Date(heading.dataset.at));
  }
}

function continues(message, before) {
  const same = ["name", "role", "me"].every((key) => message.sender[key] === before.sender[key]);
  const apart = new Date(message.created_at) - new Date(before.created_at);
  return same && message.sender.role !== "system" && apart < TOGETHER;
}
