// What is being asked is kept on this device until it was sent: a session that ended, or a line that broke, loses nothing.

import "./check.js";
import { Draft, load, namesOf, save } from "../lib/store.js";

const form = document.getElementById("new-case");
const { draft, sent } = form.dataset;
const { title, body, kind, client_id: id } = form.elements;
const boxes = [title, body];

// The draft belongs to the form with this id. The server knows the id of the last question it took: that one is done.
const kept = load(`${draft}:id`, "");
if (kept && kept === sent) for (const name of namesOf(`${draft}:`)) save(name, null);

const isEmpty = boxes.every((box) => !box.value); // else the server gave it back, with what is wrong
const drafts = boxes.map((box) => new Draft(box, `${draft}:${box.name}`));
const chosen = [...kind.options].find(({ value }) => value === load(`${draft}:kind`, ""));
if (isEmpty && chosen) chosen.selected = true;
kind.addEventListener("change", () => save(`${draft}:kind`, kind.value));

// Of several tabs, the one in which it was written last, or that sends what is kept.
const keepId = () => save(`${draft}:id`, id.value);
form.addEventListener("input", keepId);
form.addEventListener("submit", () => {
  for (const one of drafts) one.keep();
  if (boxes.every((box) => box.value === load(`${draft}:${box.name}`, ""))) keepId();
});
