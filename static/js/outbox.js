// Messages on their way. Each keeps its `client_id`, so that sending it again can never double it, and is kept on
// the device until the server has it: it survives a reload. Texts do not wait for files: each has a lane of its own,
// in which one is sent after the other, in the order they were written.

import { newId } from "./api.js";
import { dropBlob, keepBlob, keepOnly } from "./blobs.js";
import { loadAll, save } from "./store.js";

const UNSURE_FOR = 5 * 60 * 1000; // ms; one that was cut off longer ago is not sent without being asked

export class Outbox {
  #items;
  #busy = new Set(); // lanes
  #underWay = new Map(); // client_id -> AbortController

  // `send(item, { signal, onProgress })` resolves to the message the server has; `onChange(items)`;
  // `onProgress(client_id, 0 to 1)`; `onSent(message)`.
  constructor({ name, send, onChange, onProgress, onSent }) {
    Object.assign(this, { name, send, onChange, onProgress, onSent });
    // Each under a name of its own: two tabs of one case do not overwrite each other's.
    this.#items = loadAll(`${name}:`).sort((one, other) => one.at.localeCompare(other.at));
    for (const item of this.#items) {
      const old = Date.now() - new Date(item.at) > UNSURE_FOR;
      if (item.state === "sending" && old) item.state = "failed";
    }
    keepOnly(`${name}:`, new Set(this.#items.map((item) => item.file?.key)));
  }

  add(body) {
    this.#add({ client_id: newId(), body });
  }

  // `kind` is "image", "audio" or "file".
  addFile(blob, name, kind) {
    const client_id = newId();
    const file = { key: `${this.name}:${client_id}`, size: blob.size, kind };
    keepBlob(file.key, blob);
    this.#add({ client_id, body: name, file });
  }

  #add(said) {
    const item = { ...said, at: new Date().toISOString(), state: "sending", detail: "" };
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
    const item = this.#find(id);
    if (!item) return;
    this.#items = this.#items.filter((one) => one !== item);
    this.#underWay.get(id)?.abort();
    save(`${this.name}:${id}`, null);
    if (item.file) dropBlob(item.file.key);
    this.onChange(this.#items);
  }

  resume() {
    this.onChange(this.#items);
    for (const lane of [false, true]) if (!this.#busy.has(lane)) this.#pump(lane);
  }

  #find(id) {
    return this.#items.find((item) => item.client_id === id);
  }

  #keep(item) {
    save(`${this.name}:${item.client_id}`, item);
  }

  // `lane`: whether of files.
  async #pump(lane) {
    this.#busy.add(lane);
    let item;
    while ((item = this.#items.find((one) => one.state === "sending" && Boolean(one.file) === lane))) await this.#sendOne(item);
    this.#busy.delete(lane);
  }

  async #sendOne(item) {
    const id = item.client_id;
    const underWay = new AbortController();
    this.#underWay.set(id, underWay);
    try {
      const onProgress = (part) => this.onProgress(id, part);
      const message = await this.send(item, { signal: underWay.signal, onProgress });
      this.remove(id);
      this.onSent(message);
    } catch (error) {
      Object.assign(item, { state: "failed", detail: error.detail ?? "", lost: error.lost });
      if (this.#find(id)) this.#keep(item);
      this.onChange(this.#items);
    }
    this.#underWay.delete(id);
  }
}
