// The file of a message: a link to its bytes, with a picture of it where it is one, and a player where it is sound or a film.
// The same as templates/cases/_file.html.

import { blobAtHand } from "../lib/blobs.js";
import { el } from "../lib/dom.js";

const PREVIEWED = /^image\/(png|jpeg|webp|gif)$/;

const VOICE = [["audio/webm;codecs=opus", "webm"], ["audio/mp4", "m4a"]];

// The picture that somebody clicked on to look at it. With a key held, the browser does what the person knows of it: a
// new tab, a download.
export function pictureOf(event) {
  const held = event.ctrlKey || event.metaKey || event.shiftKey || event.altKey;
  return held ? null : event.target.closest("a.file[data-kind=image]");
}

// What this browser records voice as: [type, ending], one of the `types` (endings) that are accepted. Nothing where
// there is no microphone to be had.
export function voiceFormat(types) {
  if (!window.MediaRecorder || !navigator.mediaDevices?.getUserMedia) return null;
  return VOICE.find(([type, ending]) => types.includes(`.${ending}`) && MediaRecorder.isTypeSupported(type));
}

export function fileElements(file, words, format) {
  const { name, size, kind, state, url, thumbnail, width, height } = file;
  const data = { "data-kind": kind, "data-state": state };
  if (state !== "ready") {
    const said = el("span", { class: "file-state" }, state === "waiting" ? words.checking : words.infected);
    return [el("span", { class: "file", ...data }, icon(), about(name, format.size(size), said))];
  }
  const link = el(
    "a",
    { class: "file", href: url, download: true, ...data },
    thumbnail ? el("img", { src: thumbnail, alt: "", width, height }) : icon(),
    about(name, format.size(size)),
  );
  if (!["audio", "video"].includes(kind)) return [link];
  const preload = kind === "video" ? "metadata" : "none"; // its first picture tells which it is
  const player = el(kind, { class: "player", controls: true, preload, src: url, "aria-label": name });
  player.addEventListener("error", () => {
    const lost = player.error?.code === MediaError.MEDIA_ERR_NETWORK; // it goes on when the network is back
    if (!lost) player.replaceWith(el("span", { class: "file-state" }, words.cannotPlay));
  });
  return [player, link];
}

// A file on its way; `item` is the outbox's.
export function pendingFile({ body, file, state }, words, format) {
  const sending = state === "sending";
  return el(
    "span",
    { class: "file", "data-kind": file.kind },
    preview(file) ?? icon(),
    about(body, format.size(file.size)),
    sending ? el("progress", { class: "file-progress", max: 1, value: 0, "aria-label": `${words.uploading} ${body}` }) : null,
  );
}

export function showProgress(list, id, part) {
  const bar = list.querySelector(`[data-client-id="${id}"] progress`);
  if (bar) bar.value = part;
}

// "image", "audio" or "file": what a file that is being sent will be shown as meanwhile.
export function kindOf(blob) {
  const [kind] = blob.type.split("/");
  return ["image", "audio"].includes(kind) ? kind : "file";
}

// Of a picture that is still at hand.
function preview(file) {
  const blob = file.kind === "image" ? blobAtHand(file.key) : null;
  if (!blob || !PREVIEWED.test(blob.type)) return null;
  const url = URL.createObjectURL(blob);
  const picture = el("img", { class: "preview", src: url, alt: "" });
  picture.addEventListener("load", () => URL.revokeObjectURL(url));
  picture.addEventListener("error", () => picture.replaceWith(icon())); // no picture after all; the server will say so
  return picture;
}

function icon() {
  return el("span", { class: "file-icon", "aria-hidden": "true" });
}

function about(name, size, said = null) {
  return el("span", { class: "file-about" }, el("span", { class: "file-name" }, name), " ", el("span", { class: "file-size" }, size), said);
}
