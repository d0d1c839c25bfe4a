// What is being asked is kept on this device until it was sent: a session that ended, or a line that broke, loses nothing.

import "./check.js";
import { Draft, load, save } from "./store.js";

const form = document.getElementById("new-case");
const { draft, sent } = form.dataset;
const id = form.elements.client_id;

// The draft belongs to the form with this id. The server knows the id of the last question it took: that one is done.
const kept = load(`${draft}:id`, "");
for (const name of ["title", "body"]) {
  if (kept && kept === sent) save(`${draft}:${name}`, "");
  new Draft(form.elements[name], `${draft}:${name}`);
}
save(`${draft}:id`, id.value);
