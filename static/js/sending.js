// How what stands in an outbox is sent, and what is said when that does not work.

import { loadBlob } from "./blobs.js";

// Gives the `send` of an outbox: a text, or a file as far as the browser kept it, to this address.
export function sender({ api, url, words }) {
  return async ({ body, client_id, file }, way) => {
    if (!file) return api.post(url, { body, client_id });
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
