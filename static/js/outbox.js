// Messages on their way. Each keeps its `client_id`, so that sending it again can never double it, and is kept on
// the device until the server has it: it survives a reload.

import { loadAll, save } from "./store.js";

const UNSURE_FOR = 5 * 60 * 1000; // ms; one that was cut off longer ago is not sent without being asked

export class Outbox {
  #items;
  #sending = false;

  // `send(item)` resolves to the message the server has; `onChange(items)`; `onSent(message)`.
  constructor({ name, send, onChange, onSent }) {
    Object.assign(this, { name, send, onChange, onSent });
    // Each under a name of its own: two tabs of one case do not overwrite each other's.
    this.#items = loadAll(`${name}:`).sort((one, other) => one.at.localeCompare(other.at));
    for (const item of this.#items) {
      const old = Date.now() - new Date(item.at) > UNSURE_FOR;
      if (item.state === "sending" && old) item.state = "failed";
    }
  }

  add(body) {
    const item = { client_id: newId(), body, at: new Date().toISOString(), state: "sending", detail: "" };
    this.#items.push(item);
    this.#keep(item);
    this.resume();
  }

  retry(id) {
    const item = this.#find(id);
    if (!item) return;
    this.#keep(Object.assign(item, { state: "sending", detail: "" }));
    this.resume();
  }

  // Forget one: the server has it, or the person does not want it any more.
  remove(id) {
    if (!this.#find(id)) return;
    this.#items = this.#items.filter((item) => item.client_id !== id);
    save(`${this.name}:${id}`, null);
    this.onChange(this.#items);
  }

  resume() {
    this.onChange(this.#items);
    if (!this.#sending) this.#pump();
  }

  #find(id) {
    return this.#items.find((item) => item.client_id === id);
  }

  #keep(item) {
    save(`${this.name}:${item.client_id}`, item);
  }

  // One after the other, in the order they were written.
  async #pump() {
    this.#sending = true;
    let item;
    while ((item = this.#items.find((one) => one.state === "sending"))) {
      try {
        const message = await this.send(item);
        this.remove(item.client_id);
        this.onSent(message);
      } catch (error) {
        Object.assign(item, { state: "failed", detail: error.detail ?? "" });
        if (this.#find(item.client_id)) this.#keep(item);
        this.onChange(this.#items);
      }
    }
    this.#sending = false;
  }
}

function newId() {
  // randomUUID is missing on plain http other than localhost.
  return crypto.randomUUID?.() ?? Array.from(crypto.getRandomValues(new Uint32Array(4)), (n) => n.toString(16)).join("-");
}
