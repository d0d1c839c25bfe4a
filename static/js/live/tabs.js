// One live stream for all tabs of a browser: over HTTP/1.1 it opens six connections to a site, and a seventh tab
// would wait for ever.
//
// The tab that has the lock leads: it holds the stream and passes on what comes. Closing it hands the lock to the next.
// One that the browser froze gives no answer, and its lock is taken away. Whoever leads begins with a "hello", at which
// every tab catches up by `seq`; so nothing is missed in between, and what comes twice is shown once.

import { Stream } from "./stream.js";

const ANSWER_WITHIN = 2_000; // ms; a tab in the background is slow, a frozen one never answers
const LOOK_EVERY = 15_000; // ms between two looks of a visible tab whether somebody leads
const HIDDEN_ASKS_EVERY = 60_000; // ms; while the stream cannot be had, which is asked for every few seconds
const YES_WITHIN = 400; // ms

// The stream of this page, with Stream's options and `answer(question)`; see `anybody`.
export function openStream(options) {
  return canSpeak() ? new TabStream(options) : new Stream(options);
}

// Locks are missing on plain http other than localhost and in old browsers, and where cookies are blocked both may be
// forbidden: there, each tab has a stream.
function canSpeak() {
  try {
    new BroadcastChannel("jiayi-try").close();
    return navigator.locks !== undefined;
  } catch {
    return false;
  }
}

const isVisible = () => document.visibilityState === "visible";

class TabStream {
  #id = crypto.randomUUID();
  #channel = null;
  #own = null; // the stream, in the tab that leads
  #attempt = null; // to get the lock
  #resign = null;
  #state = "";
  #turn = ""; // which hello this tab has caught up at
  #hellos = 0;
  #asked = -HIDDEN_ASKS_EVERY;
  #unanswered = 0;
  #stopped = false;

  constructor(options) {
    this.options = options;
    // Names the account: what is one person's never reaches a page of another.
    this.name = `jiayi-stream-${options.user}`;
    window.addEventListener("pagehide", () => this.#leave());
    window.addEventListener("pageshow", (event) => event.persisted && this.connect());
    setInterval(() => isVisible() && this.wake(), LOOK_EVERY);
  }

  get leads() {
    return this.#own !== null;
  }

  // Connect, or have the leading tab connect anew.
  connect() {
    if (this.#stopped) return;
    if (!this.#channel) this.#join();
    else if (this.#own) this.#own.connect();
    else {
      this.#post({ type: "again" });
      this.wake();
    }
  }

  // See whether somebody leads, and lead when nobody does.
  wake() {
    if (this.#own || !this.#channel) return;
    this.#post({ type: "who" });
    this.#unanswered ||= setTimeout(() => this.#compete(true), ANSWER_WITHIN);
  }

  stop() {
    this.#stopped = true;
    this.#leave();
  }

  // Whether another tab's `answer(question)` is true.
  anybody(question) {
    return new Promise((resolve) => {
      const id = crypto.randomUUID();
      const heard = ({ data }) => data.type === "yes" && data.id === id && resolve(true);
      this.#channel?.addEventListener("message", heard);
      this.#post({ type: "question", id, question });
      setTimeout(() => {
        this.#channel?.removeEventListener("message", heard);
        resolve(false);
      }, YES_WITHIN);
    });
  }

  #join() {
    this.#channel = new BroadcastChannel(this.name);
    this.#channel.addEventListener("message", ({ data }) => this.#hear(data));
    this.#compete(false);
    this.wake();
  }

  #leave() {
    this.#attempt?.abort();
    this.#attempt = null;
    this.#follow();
    this.#channel?.close();
    this.#channel = null;
  }

  #post(message) {
    this.#channel?.postMessage(message);
  }

  // Wait for the lock, or take it from whoever has it.
  async #compete(steal) {
    this.#answered();
    if (this.#stopped || !this.#channel || this.#own) return;
    this.#attempt?.abort();
    const attempt = (this.#attempt = new AbortController());
    const options = steal ? { steal } : { signal: attempt.signal };
    const lead = () => (this.#attempt === attempt ? new Promise((resolve) => this.#lead(resolve)) : undefined);
    await navigator.locks.request(this.name, options, lead).catch(() => {});
    if (this.#attempt !== attempt) return;
    if (!this.#own) {
      this.#lead(() => {}); // there are no locks after all
      return;
    }
    this.#follow(); // somebody took the lock away, believing that we sleep
    this.#compete(false);
    this.wake();
  }

  #lead(resign) {
    const { options } = this;
    this.#answered();
    this.#resign = resign;
    this.#own = new Stream({
      ...options,
      onEvent: (name, data) => this.#pass(name, data),
      onState: (state) => this.#changed(state),
      onOtherAccount: () => {
        this.#post({ type: "ask", all: true });
        options.onOtherAccount();
      },
      ask: () => {
        this.#post({ type: "ask" });
        return options.ask();
      },
    });
    this.#own.connect();
  }

  #follow() {
    this.#answered();
    this.#own?.stop();
    this.#own = null;
    this.#resign?.();
    this.#resign = null;
  }

  #answered() {
    clearTimeout(this.#unanswered);
    this.#unanswered = 0;
  }

  #pass(name, data) {
    if (name === "hello") {
      this.#hellos += 1;
      this.#turn = `${this.#id}:${this.#hellos}`;
      this.#tellState();
    } else this.#post({ type: "event", name, data });
    this.options.onEvent(name, data);
  }

  #changed(state) {
    this.#state = state;
    if (state !== "live") this.#tellState(); // "live" is told with its hello
    this.options.onState(state);
  }

  #tellState() {
    this.#post({ type: "state", state: this.#state, turn: this.#turn, hidden: !isVisible() });
  }

  #hear(message) {
    const { type } = message;
    if (type === "question" && this.options.answer(message.question)) this.#post({ type: "yes", id: message.id });
    else if (this.#own) {
      if (type === "who") this.#tellState();
      if (type === "again") this.#own.connect();
    } else if (type === "state") this.#hearState(message);
    else if (type === "event") this.options.onEvent(message.name, message.data);
    else if (type === "ask") this.#ask(message.all);
  }

  #ask(atOnce) {
    if (!atOnce && !isVisible() && performance.now() - this.#asked < HIDDEN_ASKS_EVERY) return;
    this.#asked = performance.now();
    this.options.ask().catch(() => {});
  }

  #hearState({ state, turn, hidden }) {
    this.#answered();
    if (state && state !== this.#state) this.options.onState(state);
    this.#state = state;
    if (turn && turn !== this.#turn) {
      this.#turn = turn;
      this.options.onEvent("hello", {});
    }
    // Browsers slow down what is in the background: the tab before one's eyes comes back sooner.
    if (state && state !== "live" && hidden && isVisible()) this.#compete(true);
  }
}
