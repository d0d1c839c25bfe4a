// Sends what was written into cases that are not the open one: after a restart of the browser, say.

import { Outbox, sender } from "./outbox.js";
import { loadAll } from "../lib/store.js";

const outboxes = new Map(); // by the case's number

// `onSent(number, message)`. What is refused stays where it is, and is told when its case is opened.
export function sendElsewhere({ page, words, api, onSent }) {
  const numbers = new Set(loadAll(`outbox:${page.user}:`).map((item) => item.case));
  numbers.delete(page.case);
  const none = () => {};
  for (const number of numbers) {
    if (!outboxes.has(number)) {
      const outbox = new Outbox({
        name: `outbox:${page.user}:${number}`,
        of: number,
        send: sender({ api, url: `${page.cases}${number}/messages/`, words }),
        onSent: (message) => onSent(number, message),
        onChange: none,
        onProgress: none,
        onTrouble: none,
      });
      outboxes.set(number, outbox);
    }
    outboxes.get(number).wake();
  }
}
