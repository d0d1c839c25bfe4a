// The live stream, and asking every few seconds where it cannot be had. It is a hint: whoever listens catches up by
// `seq` whenever it says "hello".

const EVENTS = ["hello", "resync", "crowded", "message", "read", "notified", "typing", "presence", "case", "note"];
const HELLO_WITHIN = 8_000; // ms; a proxy that holds the stream back lets none through
const DELAYS = [1_000, 2_000, 4_000, 8_000, 15_000, 30_000]; // ms between attempts
const POLL_EVERY = 4_000; // ms
const STREAM_AGAIN = 60_000; // ms between attempts while asking works

export class Stream {
  #source = null;
  #failures = 0;
  #reconnect = 0;
  #hello = 0;
  #poll = 0;
  #stopped = new AbortController();
  leads = true; // see TabStream in tabs.js

  // `onEvent(name, data)`; `onState("live" | "polling" | "lost")`; `ask()` fetches what is new and fails when the
  // server cannot be reached; `onOtherAccount()`: the stream is not that of `user`, whose page this is.
  constructor({ url, user, onEvent, onState, onOtherAccount, ask }) {
    Object.assign(this, { url, user, onEvent, onState, onOtherAccount, ask });
    const { signal } = this.#stopped;
    window.addEventListener("pagehide", () => this.#close(), { signal });
    window.addEventListener("pageshow", (event) => event.persisted && this.connect(), { signal });
    window.addEventListener("online", () => this.connect(), { signal });
    // A stream that was cut off may not say so for minutes.
    window.addEventListener("offline", () => this.#source && this.#failed(this.#source), { signal });
  }

  // Connect, or connect anew: after sleep a stream may be dead and not know it.
  connect() {
    this.#close();
    if (this.#isStopped) return;
    if (typeof EventSource === "undefined") {
      this.#startPolling();
      return;
    }
    const source = new EventSource(this.url);
    this.#source = source;
    for (const name of EVENTS) source.addEventListener(name, (event) => this.#take(source, name, event.data));
    source.onerror = () => this.#failed(source);
    this.#hello = setTimeout(() => this.#failed(source, true), HELLO_WITHIN);
  }

  wake() {}

  anybody() {
    return Promise.resolve(false);
  }

  stop() {
    this.#stopped.abort();
    this.#stopPolling();
    this.#close();
  }

  get #isStopped() {
    return this.#stopped.signal.aborted;
  }

  #close() {
    clearTimeout(this.#reconnect);
    clearTimeout(this.#hello);
    this.#source?.close();
    this.#source = null;
  }

  #take(source, name, json) {
    if (source !== this.#source) return;
    const data = JSON.parse(json);
    if (name === "hello") {
      if (data.user !== this.user) {
        this.onOtherAccount();
        return;
      }
      clearTimeout(this.#hello);
      this.#failures = 0;
      this.#stopPolling();
      this.onState("live");
    }
    if (name === "crowded") this.#failed(source, true);
    else this.onEvent(name, data);
  }

  // The browser's own reconnecting gives up at the first refusal, and does not spread a crowd coming back. `hopeless`:
  // the server answers, but not with a stream; another try at once would be no better.
  async #failed(source, hopeless = false) {
    if (source !== this.#source) return;
    this.#close();
    this.#failures += hopeless ? 2 : 1;
    const answers = await this.#asking();
    if (this.#isStopped || this.#source) return;
    if (answers && this.#failures >= 2) this.#startPolling();
    const delay = this.#poll ? STREAM_AGAIN : DELAYS[Math.min(this.#failures, DELAYS.length) - 1];
    this.#reconnect = setTimeout(() => this.connect(), delay * (0.5 + Math.random()));
  }

  async #asking() {
    try {
      await this.ask();
      if (this.#poll) this.onState("polling");
      return true;
    } catch {
      if (!this.#isStopped) this.onState("lost");
      return false;
    }
  }

  #startPolling() {
    if (this.#poll || this.#isStopped) return;
    this.onState("polling");
    const turn = async () => {
      await this.#asking();
      if (this.#poll) this.#poll = setTimeout(turn, POLL_EVERY);
    };
    this.#poll = setTimeout(turn, POLL_EVERY);
  }

  #stopPolling() {
    clearTimeout(this.#poll);
    this.#poll = 0;
  }
}
