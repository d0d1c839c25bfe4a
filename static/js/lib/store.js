// What is kept on this device: drafts and messages not sent yet, apart for each account and case.

import { dropBlobs, forgetBlobs } from "./blobs.js";

const PREFIX = "jiayi:";
const memory = new Map(); // where the browser forbids storage
const watchers = [];
let forgotten = false;

function storage() {
  try {
    return window.localStorage;
  } catch {
    return null;
  }
}

export function load(name, otherwise) {
  try {
    const text = memory.get(name) ?? storage()?.getItem(PREFIX + name);
    return text ? JSON.parse(text) : otherwise;
  } catch {
    return otherwise;
  }
}

// The names that start so, under which something is kept.
export function namesOf(start) {
  const names = new Set(memory.keys());
  for (const key of Object.keys(storage() ?? {})) if (key.startsWith(PREFIX)) names.add(key.slice(PREFIX.length));
  return [...names].filter((name) => name.startsWith(start));
}

// Everything kept under them.
export function loadAll(start) {
  return namesOf(start).map((name) => load(name, null)).filter(Boolean);
}

// An empty value is removed.
export function save(name, value) {
  if (forgotten) return;
  try {
    if (!value) storage().removeItem(PREFIX + name);
    else storage().setItem(PREFIX + name, JSON.stringify(value));
    memory.delete(name);
  } catch {
    memory.set(name, JSON.stringify(value)); // no storage, or it is full
  }
  for (const watch of watchers) watch(name);
}

// Call with the name of what is kept, changed or removed, in this tab or another.
export function onKept(callback) {
  watchers.push(callback);
  window.addEventListener("storage", ({ key }) => key?.startsWith(PREFIX) && callback(key.slice(PREFIX.length)));
}

// Call with what follows `start` in a name that another tab removes.
export function onRemoved(start, callback) {
  window.addEventListener("storage", ({ key, newValue }) => {
    if (!newValue && key?.startsWith(PREFIX + start)) callback(key.slice(PREFIX.length + start.length));
  });
}

// Whoever uses this device next must not find a client's words or files on it. Resolves when all is gone, within a
// second or so.
export function forgetEverything() {
  forgotten = true; // the page on its way out would keep its draft again
  memory.clear();
  try {
    for (const key of Object.keys(storage())) {
      if (key.startsWith(PREFIX)) storage().removeItem(key);
    }
  } catch {
    // nothing was kept
  }
  return forgetBlobs();
}

// Sooner or later somebody else signs in here without the one before having signed out: nothing of theirs stays. The
// same person finds again what a session that ended left unsent.
export function keepOnlyOf(user) {
  const isOthers = (name) => /^[a-z]+:\d+:/.test(name) && name.split(":")[1] !== user;
  for (const key of Object.keys(storage() ?? {})) {
    const name = key.startsWith(PREFIX) ? key.slice(PREFIX.length) : "";
    if (isOthers(name)) save(name, null);
  }
  if (load("account", "") === user) return;
  dropBlobs(isOthers).then(() => save("account", user), () => {}); // what could not be dropped now is the next time
}

const AFTER = 400; // ms without typing

// What is being written into a box is kept until it is sent.
export class Draft {
  #timer = 0;
  #kept;

  // `name`: that of store.js. An empty box is given what was kept.
  constructor(box, name) {
    Object.assign(this, { box, name });
    this.#kept = load(name, "");
    if (!box.value) box.value = this.#kept;
    box.addEventListener("input", () => this.keepSoon());
    window.addEventListener("pagehide", () => this.keep());
  }

  keepSoon() {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.keep(), AFTER);
  }

  // Another tab may have kept or sent something since: one in which nothing was written does not undo that.
  keep() {
    clearTimeout(this.#timer);
    if (this.box.value === this.#kept) return;
    this.#kept = this.box.value;
    save(this.name, this.#kept);
  }
}
