// Voice notes: tap to record, tap to stop, listen, then send or throw away.

import { stamp } from "./attach.js";
import { button, el } from "../lib/dom.js";

const LIMIT = 5 * 60; // seconds
const BITS = 32_000; // a second: plenty for speech, and 1.2 MB at the limit

export class Voice {
  #recorder = null;
  #pieces = [];
  #began = 0;
  #timer = 0;
  #kept = false;

  // `format` as voiceFormat() gives it; `onVoice(blob, name)`; `say(text)` tells what went wrong.
  constructor({ format, words, onVoice, say }) {
    Object.assign(this, { format, words, onVoice, say });
    this.start = document.getElementById("record");
    this.panel = document.getElementById("recorder");
    window.addEventListener("pagehide", () => this.#stop(false));
  }

  async record() {
    if (!this.panel.hidden) return;
    this.say("");
    this.start.disabled = true;
    try {
      const stream = await navigator.mediaDevices.getUserMedia({ audio: true });
      if (!this.panel.isConnected) return release(stream); // the case is gone meanwhile
      this.#listen(new MediaRecorder(stream, { mimeType: this.format[0], audioBitsPerSecond: BITS }));
    } catch (error) {
      const { micDenied, micMissing, recordFailed } = this.words;
      this.say({ NotAllowedError: micDenied, NotFoundError: micMissing }[error.name] ?? recordFailed);
    }
    this.start.disabled = false;
  }

  // Throw away what is being recorded, and listen no more.
  cancel() {
    this.#stop(false);
  }

  #listen(recorder) {
    const { words } = this;
    this.#recorder = recorder;
    this.#pieces = [];
    recorder.addEventListener("dataavailable", (event) => this.#pieces.push(event.data));
    recorder.addEventListener("stop", () => this.#stopped(recorder));
    recorder.start();
    this.#began = performance.now();
    const counter = el("span", { class: "counter", role: "timer", "aria-live": "off" }, clock(0));
    const stop = button(words.stopRecording, "stop", () => this.#stop(true));
    this.#show(
      el("span", { class: "recording", role: "status" }, words.recording),
      counter,
      el("span", { class: "limit" }, `/ ${clock(LIMIT)}`),
      stop,
      button(words.cancel, "cancel", () => this.#stop(false)),
    );
    stop.focus();
    this.#timer = setInterval(() => {
      const seconds = Math.floor((performance.now() - this.#began) / 1000);
      counter.textContent = clock(seconds);
      if (seconds >= LIMIT) this.#stop(true);
    }, 250);
  }

  #stop(keep) {
    clearInterval(this.#timer);
    this.#kept = keep;
    if (this.#recorder?.state === "recording") this.#recorder.stop();
  }

  #stopped(recorder) {
    clearInterval(this.#timer);
    release(recorder.stream);
    this.#recorder = null;
    const blob = new Blob(this.#pieces, { type: this.format[0].split(";")[0] });
    if (this.#kept && blob.size) this.#review(blob);
    else this.#close();
  }

  #review(blob) {
    const { words } = this;
    const url = URL.createObjectURL(blob);
    const done = () => {
      URL.revokeObjectURL(url);
      this.#close();
    };
    const send = button(words.sendRecording, "send-recording", () => {
      done();
      this.onVoice(blob, `${words.voiceNote} ${stamp(new Date())}.${this.format[1]}`);
    });
    const player = el("audio", { class: "player", controls: true, src: url, "aria-label": words.voiceNote });
    this.#show(player, send, button(words.discard, "cancel", done));
    send.focus();
  }

  #show(...content) {
    this.panel.replaceChildren(...content);
    this.panel.hidden = false;
  }

  #close() {
    this.panel.hidden = true;
    this.panel.replaceChildren();
    this.start.focus();
  }
}

// The browser's sign that we listen goes out.
function release(stream) {
  for (const track of stream.getTracks()) track.stop();
}

function clock(seconds) {
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
}
