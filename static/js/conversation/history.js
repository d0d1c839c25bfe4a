// Filling the conversation from the API: what was missed, what lies further up or down, and what is somewhere else.

import { oneAtATime } from "../lib/api.js";

const PAGE = 50;
const LOOKED_AGAIN = 30; // of the newest messages: what was recalled, or scanned, while nothing came
const CAUGHT_UP = 100; // messages; who missed more goes to the newest ones instead of reading through all of them

export class History {
  #loading = new Set();

  // `onNew(messages)`: new ones are shown; `onMissed(count)`: there are new ones that are not; `onMore()`: others are
  // shown than before.
  constructor({ api, url, conversation, onNew, onMissed, onMore }) {
    Object.assign(this, { api, url, conversation, onNew, onMissed, onMore });
    // Fetch what is new and what was recalled meanwhile.
    this.catchUp = oneAtATime(() => this.#catchUp());
  }

  async #catchUp() {
    const { conversation } = this;
    const asked = performance.now();
    const newest = (await this.#get(`limit=${LOOKED_AGAIN}`)).messages;
    if (!newest.length) return;
    const { atEnd, atBottom, newest: known } = conversation;
    const end = newest.at(-1).seq;
    const joins = newest[0].seq <= conversation.last + 1;
    if (atEnd && !joins) this.#put((await this.#get(`after=${conversation.last}&limit=${CAUGHT_UP}`)).messages, asked);
    this.#put(newest, asked);
    if (conversation.last >= end) return;
    conversation.heardOf(end);
    if (atBottom) {
      conversation.replace(newest);
      this.onNew(newest);
    } else if (end > known) this.onMissed(end - known);
  }

  #put(messages, asked) {
    const { atEnd } = this.conversation;
    const added = this.conversation.put(messages, asked);
    // What comes on scrolling down to the newest message is no news.
    if (added.length && atEnd) this.onNew(added);
    else this.onMore();
  }

  // Fetch the page before the first message shown, or after the last.
  older() {
    return this.#once("older", async () => {
      this.conversation.put((await this.#get(`before=${this.conversation.first}&limit=${PAGE}`)).messages);
      this.onMore();
    });
  }

  newer() {
    return this.#once("newer", async () => {
      this.conversation.put((await this.#get(`after=${this.conversation.last}&limit=${PAGE}`)).messages);
      this.onMore();
    });
  }

  // Show the newest messages.
  async toNewest() {
    if (!this.conversation.atEnd) this.conversation.replace((await this.#get(`limit=${PAGE}`)).messages);
    this.conversation.toBottom();
    this.onMore();
  }

  // Show the message with this seq and what was said around it.
  async goTo(seq) {
    if (this.conversation.reveal(seq)) return;
    this.conversation.replace((await this.#get(`around=${seq}&limit=${PAGE}`)).messages);
    this.onMore();
    this.conversation.reveal(seq);
  }

  async #once(name, work) {
    if (this.#loading.has(name)) return;
    this.#loading.add(name);
    try {
      await work();
    } finally {
      this.#loading.delete(name);
    }
  }

  #get(query) {
    return this.api.get(`${this.url}?${query}`);
  }
}

// Load more at both ends of the conversation.
export function loadAtEdges(history, { words, scroller }) {
  const edge = (id, label, load) => loadOnScroll({ link: document.getElementById(id), label, load, scroller, words });
  edge("older", words.older, () => history.older());
  edge("newer", words.newer, () => history.newer());
}

// Load more when the person scrolls near `link`, which stands where there is more; the link does it by hand, and after
// a failure.
function loadOnScroll({ link, label, load, scroller, words }) {
  const edge = link.parentElement;
  let failed = false;
  const more = async () => {
    link.textContent = words.loading;
    try {
      failed = false;
      await load();
      link.textContent = label;
      watcher.observe(edge); // observing again reports again, should the page not fill the screen
    } catch {
      failed = true;
      link.textContent = words.loadFailed;
    }
  };
  const watcher = new IntersectionObserver(
    (entries) => {
      if (failed || !entries.some((entry) => entry.isIntersecting)) return;
      watcher.unobserve(edge);
      more();
    },
    { root: scroller, rootMargin: "600px 0px" },
  );
  watcher.observe(edge);
  link.addEventListener("click", (event) => {
    event.preventDefault();
    more();
  });
}
