// Messages on their way. Each keeps its `client_id`, so that sending it again can never double it, and is kept on
// the device until the server has it: over reloads and restarts of the browser. One that could not be sent waits and
// is sent again by itself; only what the server refuses in words stays, for its writer to decide about. Texts and files
// go in lanes of their own, each in the order in which they were written: no text overtakes another. A file that takes
// long holds up neither texts nor the files behind it. Of several tabs one sends a file, and each knows what the others
// kept.

import { newId } from "../lib/api.js";
import { dropBlob, keepBlob, keepOnly, loadBlob } from "../lib/blobs.js";
import { load, loadAll, onRemoved, save } from "../lib/store.js";

const DELAYS = [2_000, 4_000, 8_000, 15_000, 30_000, 60_000]; // ms between attempts
const PATIENCE = 120; // seconds; whoever must wait longer is told so, and decides
const OTHER_TAB = 600_000; // ms to wait for a file that another tab sends, which may hang; `client_id` makes it safe to go on
const LONG = 4_000; // ms; a file that takes longer lets the next one begin: most are through by then, in their order
const AT_ONCE = 3; // files
const NEVER = [400, 413, 415]; // what is wrong with it, too large or of a wrong kind, is wrong with it for ever
const MOST_ERRORS = 6; // an answer of 500 so often: a mistake of ours, which must not hold up what stands behind it

// Whether another attempt can end otherwise, without anybody doing something about it.
function passes({ status, retryAfter }, errors) {
  if (retryAfter > PATIENCE) return false;
  if (status === 429) return retryAfter > 0;
  if (status === 500) return errors < MOST_ERRORS;
  return status > 500 || [0, 401, 403, 408].includes(status);
}

// Whether a person can send it again as it is. A file the browser did not keep is gone.
export function mayRetry({ state, status, lost }) {
  return state === "failed" && !lost && !NEVER.includes(status);
}

// Twice the bytes on the way would be waste, and a cancelled file must not go out from elsewhere.
async function oneTab(file, work) {
  if (!navigator.locks) return work();
  try {
    return await navigator.locks.request(file, { signal: AbortSignal.timeout(OTHER_TAB) }, work);
  } catch {
    return work();
  }
}

export class Outbox {
  #items = [];
  // `front`: the one that holds up those behind it; `sending`: how many are.
  #lanes = new Map([false, true].map((files) => [files, { front: null, sending: 0, attempts: 0, timer: 0, notBefore: 0 }]));
  #underWay = new Map(); // client_id -> AbortController

  // `of`: the number of the case. `send(item, { signal, onProgress })` resolves to the message the server has;
  // `onChange(items)`; `onProgress(client_id, 0 to 1)`; `onSent(message)`; `onTrouble(item)`: it waits, or is refused.
  constructor({ name, of, send, onChange, onProgress, onSent, onTrouble }) {
    Object.assign(this, { name, of, send, onChange, onProgress, onSent, onTrouble });
    this.#merge();
    onRemoved(`${name}:`, (id) => this.remove(id)); // sent, or thrown away, in another tab
    keepOnly(`${name}:`, new Set(this.#items.map((item) => item.file?.key)));
  }

  // Each is kept under a name of its own: two tabs of one case do not overwrite each other's. One of them may be gone.
  #merge() {
    const others = loadAll(`${this.name}:`).filter((item) => !this.#find(item.client_id));
    this.#items = [...this.#items, ...others].sort((one, other) => one.at.localeCompare(other.at));
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
    this.#merge();
    // Later than all before, also when several are chosen at once, or the clock is put back.
    const at = new Date(Math.max(Date.now(), Date.parse(this.#items.at(-1)?.at ?? 0) + 1)).toISOString();
    const item = { ...said, case: this.of, at, state: "sending", detail: "" };
    this.#items.push(item);
    this.#keep(item);
    this.onChange(this.#items);
    this.#pump(Boolean(item.file));
  }

  // Again, and before it what was written before it and can be sent again as well: the order stays.
  retry(id) {
    const upTo = this.#items.indexOf(this.#find(id));
    for (const item of this.#items.slice(0, upTo + 1).filter(mayRetry)) {
      this.#keep(Object.assign(item, { state: "sending", detail: "", errors: 0 }));
    }
    this.wake();
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

  // Send what waits, now: the network is back, or somebody asks for it.
  wake() {
    this.#merge();
    for (const item of this.#items) item.tries = 0;
    this.onChange(this.#items);
    for (const [files, lane] of this.#lanes) {
      lane.attempts = 0;
      this.#pump(files);
    }
  }

  // How many are still here.
  get count() {
    return this.#items.length;
  }

  #find(id) {
    return this.#items.find((item) => item.client_id === id);
  }

  #keep(item) {
    save(`${this.name}:${item.client_id}`, item);
  }

  async #pump(files) {
    const lane = this.#lanes.get(files);
    const waits = (one) => one.state !== "failed" && Boolean(one.file) === files && !this.#underWay.has(one.client_id);
    const [item] = this.#items.filter(waits).sort((one, other) => (one.tries ?? 0) - (other.tries ?? 0));
    if (!item || lane.front || lane.sending >= AT_ONCE || Date.now() < lane.notBefore) return;
    clearTimeout(lane.timer);
    lane.front = item;
    this.#underWay.set(item.client_id, new AbortController());
    const letPass = () => {
      if (lane.front !== item) return;
      lane.front = null;
      this.#pump(files);
    };
    const long = files && setTimeout(letPass, LONG);
    const send = () => this.#sendOne(item, lane);
    const goesOn = await (files ? oneTab(`${this.name}:${item.client_id}`, send) : send());
    clearTimeout(long);
    this.#underWay.delete(item.client_id);
    if (lane.front === item) lane.front = null;
    if (goesOn) this.#pump(files);
  }

  // Returns whether the next one may be sent.
  async #sendOne(item, lane) {
    const id = item.client_id;
    if (!load(`${this.name}:${id}`, null)) {
      this.remove(id);
      return true;
    }
    lane.sending += 1;
    try {
      const onProgress = (part) => this.onProgress(id, part);
      const message = await this.send(item, { signal: this.#underWay.get(id).signal, onProgress });
      lane.attempts = 0;
      this.remove(id);
      this.onSent(message);
      return true;
    } catch (error) {
      if (!this.#find(id)) return true; // cancelled
      return this.#troubled(item, error, lane);
    } finally {
      lane.sending -= 1;
    }
  }

  #troubled(item, error, lane) {
    const before = item.state;
    const { status, detail = "", lost } = error;
    const errors = (item.errors ?? 0) + (status === 500);
    const waits = !lost && passes(error, errors);
    lane.attempts = waits ? lane.attempts + 1 : 0;
    const tries = (item.tries ?? 0) + (item.file ? 1 : 0); // one that fails again and again lets the other files go before
    Object.assign(item, { state: waits ? "waiting" : "failed", status, detail, lost, errors, tries });
    this.#keep(item);
    this.onChange(this.#items);
    if (item.state !== before) this.onTrouble(item);
    if (!waits) return true;
    if (status === 401) return false; // until somebody signs in, and the page is a new one
    const wait = 1_000 * (error.retryAfter || 0);
    lane.notBefore = Math.max(lane.notBefore, Date.now() + wait);
    const delay = DELAYS[Math.min(lane.attempts, DELAYS.length) - 1];
    clearTimeout(lane.timer);
    lane.timer = setTimeout(() => this.#pump(Boolean(item.file)), Math.max(delay, wait + 10));
    return false;
  }
}

// Gives the `send` of an outbox: a text, or a file as far as the browser kept it, to this address.
export function sender({ api, url, words }) {
  return async ({ body, client_id, file }, way) => {
    if (!file) return api.post(url, { body, client_id }, way.signal);
    const blob = await loadBlob(file.key);
    if (!blob) throw Object.assign(new Error("the browser did not keep it"), { detail: words.pickAgain, lost: true });
    const form = new FormData();
    form.append("client_id", client_id);
    form.append("file", blob, body);
    return api.upload(url, form, way);
  };
}

// What an item that waits, or was refused, says about itself.
export function troubleIn({ state, status, detail }, words) {
  if (status === 401) return words.waitingSignIn;
  if (state === "waiting") return status && detail ? `${detail} ${words.sendsByItself}` : words.waitingNetwork;
  return [words.failed, detail].filter(Boolean).join(" · ");
}
