// What the page says above the box a member writes in: the same rule as cases/notices.py. And in its head, who is there.

import { el, isolated } from "../lib/dom.js";

const NAMES = ["away", "notifying", "notified", "saved", "unassigned", "team-notified", "closed"];

function noticeOf(one) {
  if (one.status === "closed") return "closed";
  if (!one.member.me) return "";
  const told = Boolean(one.waiting_since && one.notified_at) && new Date(one.notified_at) >= new Date(one.waiting_since);
  if (!one.advisor) return told ? "team-notified" : "unassigned";
  if (one.advisor.online) return "";
  if (!one.waiting_since || one.peer_read_seq >= (one.last_message?.seq ?? 0)) return "away";
  if (told) return "notified";
  return one.notifying ? "notifying" : "saved";
}

// Show the one that fits. They stand in a live region: what does not change is not touched.
export function showNotice(one, { words, format }) {
  const fits = noticeOf(one);
  const time = one.notified_at ? format.moment(new Date(one.notified_at)) : "";
  const name = isolated(one.advisor?.name ?? "");
  const said = { notified: fill(words.notified, { name, time }), "team-notified": fill(words.teamNotified, { time }) };
  for (const id of NAMES) {
    const hint = document.getElementById(id);
    if (id === fits && said[id] && hint.textContent !== said[id]) hint.textContent = said[id];
    if (hint.hidden !== (id !== fits)) hint.hidden = id !== fits;
  }
}

// The line in the head: the other side, and of an advisor whether they are there.
export function showPeer({ member, advisor }, words) {
  const presence = () => {
    const state = advisor.online ? words.online : words.offline;
    const kind = `presence${advisor.online ? " online" : ""}`;
    // One line of its own within the flex box, which would part what is said around the name.
    return [el("span", { class: kind }, el("span", {}, `${words.advisor} `, el("bdi", {}, advisor.name), ` · ${state}`))];
  };
  const nobody = () => [el("span", { class: "presence none" }, words.findingAdvisor)];
  const said = !member.me ? [`${words.member} `, el("bdi", {}, member.name)] : advisor ? presence() : nobody();
  document.getElementById("peer").replaceChildren(...said);
}

// A name with braces in it is not read again.
function fill(text, values) {
  return text.replace(/\{(\w+)\}/g, (whole, key) => values[key] ?? whole);
}
