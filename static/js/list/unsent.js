// What is kept on this device and not sent yet, in the rows of the list of cases: a draft, and messages that wait or
// were refused. Fetched when there is something.

import { el } from "../lib/dom.js";
import { load, namesOf, save } from "../lib/store.js";

// Returns what a row says of a case: `chip` and `text`, each null when there is nothing to say. As it is now.
export function unsentOf(user, words) {
  const counts = new Map();
  for (const name of namesOf(`outbox:${user}:`)) {
    const number = Number(name.split(":")[2]);
    counts.set(number, (counts.get(number) ?? 0) + 1);
  }
  const drafts = new Map(namesOf(`draft:${user}:`).map((name) => [name, load(name, "").trim()]));
  return (number) => {
    const count = counts.get(number);
    const draft = drafts.get(`draft:${user}:${number}`);
    return {
      chip: count ? el("span", { class: "chip unsent" }, words.unsent.replace("{n}", count)) : null,
      text: draft ? [el("span", { class: "draft" }, words.draft), ` ${[...draft].slice(0, 80).join("")}`] : null,
    };
  };
}

// The form of a new question keeps what is written, too: it is done when the question stands in the conversation.
export function forgetQuestion(user, clientIds) {
  const draft = `draft:${user}:new:`;
  if (clientIds.includes(load(`${draft}id`, ""))) for (const name of namesOf(draft)) save(name, null);
}
