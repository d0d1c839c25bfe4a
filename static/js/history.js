// Filling the conversation from the API: what was missed, and what lies further up.

import { oneAtATime } from "./once.js";

const PAGE = 50;

export class History {
  #loadingOlder = false;

  constructor({ api, url, conversation, onNew }) {
    Object.assign(this, { api, url, conversation, onNew });
    // Fetch what is new and what was recalled meanwhile.
    this.catchUp = oneAtATime(() => this.#catchUp());
  }

  async #catchUp() {
    const newest = (await this.api.get(`${this.url}?limit=${PAGE}`)).messages;
    // Where the newest page does not reach back to what is shown, the pages between come first: no holes, in order.
    if (newest.length && newest[0].seq > this.conversation.last + 1) await this.#after();
    this.#put(newest);
  }

  async #after() {
    let page;
    do {
      page = await this.api.get(`${this.url}?after=${this.conversation.last}&limit=100`);
      this.#put(page.messages);
    } while (page.has_more);
  }

  #put(messages) {
    const added = this.conversation.put(messages);
    if (added.length) this.onNew(added);
  }

  // Fetch the page before the first message shown. Resolves to whether there is more.
  async older() {
    if (this.#loadingOlder) return true;
    this.#loadingOlder = true;
    try {
      const page = await this.api.get(`${this.url}?before=${this.conversation.first}&limit=${PAGE}`);
      this.conversation.put(page.messages);
      return page.has_more;
    } finally {
      this.#loadingOlder = false;
    }
  }
}

// Load older messages when the person scrolls near the top; the link does it by hand, and after a failure.
export function olderOnScroll({ link, scroller, history, words }) {
  if (!link) return;
  let failed = false;
  const load = async () => {
    link.textContent = words.loading;
    try {
      failed = false;
      if (await history.older()) watcher.observe(link);
      else link.parentElement.remove();
      link.textContent = words.older;
    } catch {
      failed = true;
      link.textContent = words.loadFailed;
    }
  };
  const watcher = new IntersectionObserver(
    (entries) => {
      if (failed || !entries.some((entry) => entry.isIntersecting)) return;
      watcher.unobserve(link); // observing again reports again, should the page not fill the screen
      load();
    },
    { root: scroller, rootMargin: "600px 0px 0px" },
  );
  watcher.observe(link);
  link.addEventListener("click", (event) => {
    event.preventDefault();
    load();
  });
}
