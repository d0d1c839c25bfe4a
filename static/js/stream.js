// The live stream, and asking every few seconds where it cannot be had. It is a hint: whoever listens catches up by
// `seq` whenever it says "hello".

const EVENTS = ["hello", "resync", "message", "read", "notified", "presence", "case"];
const HELLO_WITHIN = 10_000; // ms; a proxy that holds the stream back lets none through
const DELAYS = [1_000, 2_000, 4_000, 8_000, 15_000, 30_000]; // ms between attempts
const POLL_EVERY = 4_000; // ms
const STREAM_AGAIN = 60_000; // ms between attempts while asking works

export class Stream {
  #source = null;
  #failures = 0;
  #reconnect = 0;
  #hello = 0;
  #poll = 0;
  #stopped = false;

  // `onEvent(name, data)`; `onState("live" | "polling" | "lost")`; `ask()` fetches what is new and fails when the
  // server cannot be reached.
  constructor({ url, onEvent, onState, ask }) {
    Object.assign(this, { url, onEvent, onState, ask });
    window.addEventListener("pagehide", () => this.#close());
    window.addEventListener("pageshow", (event) => event.persisted && this.connect());
    window.addEventListener("online", () => this.connect());
  }

  // Connect, or connect anew: after sleep a stream may be dead and not know it.
  connect() {
    this.#close();
    if (this.#stopped) return;
    if (typeof EventSource === "undefined") {
      this.#startPolling();
      return;
    }
    const source = new EventSource(this.url);
    this.#source = source;
    for (const name of EVENTS) source.addEventListener(name, (event) => this.#take(source, name, event.data));
    source.onerror = () => this.#failed(source);
    this.#hello = setTimeout(() => this.#failed(source), HELLO_WITHIN);
  }

  stop() {
    this.#stopped = true;
    this.#stopPolling();
    this.#close();
  }

  #close() {
    clearTimeout(this.#reconnect);
    clearTimeout(this.#hello);
    this.#source?.close();
    this.#source = null;
  }

  #take(source, name, data) {
    if (source !== this.#source) return;
    if (name === "hello") {
      clearTimeout(this.#hello);
      this.#failures = 0;
      this.#stopPolling();
      this.onState("live");
    }
    this.onEvent(name, JSON.parse(data));
  }

  // The browser's own reconnecting gives up at the first refusal, and does not spread a crowd coming back.
  async #failed(source) {
    if (source !== this.#source) return;
    this.#close();
    this.#failures += 1;
    const answers = await this.#asking();
    if (this.#stopped || this.#source) return;
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
      if (!this.#stopped) this.onState("lost");
      return false;
    }
  }

  #startPolling() {
    if (this.#poll || this.#stopped) return;
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
