// What stands beside the conversation, as a page of its own: on a phone.

import { Api } from "../lib/api.js";
import { Desk } from "../desk/desk.js";
import { Format } from "../lib/format.js";

const page = JSON.parse(document.getElementById("page").textContent);
const words = document.getElementById("words").dataset;
const signIn = () => location.assign(`${page.sign_in}?next=${encodeURIComponent(location.pathname)}`);
const api = new Api({ csrfCookie: page.csrf_cookie, user: page.user, onSignedOut: signIn });
const desk = Desk.of({ page, words, format: new Format(words.locale, words), api });

const gone = (error) => error.status === 404 && location.reload(); // nothing of the case stays

// There is no live stream here: look again whenever somebody does.
document.addEventListener("visibilitychange", () => {
  if (document.visibilityState === "visible" && !location.search) desk.catchUp().catch(gone);
});
