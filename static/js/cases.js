// The list of cases, as templates/cases/_case.html renders it, and the count of unread messages in the title. Its order
// is that of queries.list_cases: what waits for the reader's answer first, longest first, then the newest.

import { CaseFilter, waits } from "./casefilter.js";
import { el } from "./dom.js";
import { oneAtATime } from "./once.js";

export class CaseList {
  #cases = null; // as /api/cases/ gives them; null until it did

  // `onCases()` after every change of what is known about the cases.
  constructor({ list, api, url, pages, open, words, format, onCases }) {
    Object.assign(this, { list, api, url, pages, open, words, format, onCases });
    this.pageTitle = document.title;
    this.refresh = oneAtATime(() => this.#refresh());
    for (const time of list.querySelectorAll("time")) time.textContent = format.short(new Date(time.dateTime));
    for (const chip of list.querySelectorAll(".waiting")) chip.textContent = this.#waitingFor(chip.dataset.since);
    if (document.getElementById("filters")) this.filter = new CaseFilter({
      onChange: () => this.#cases && this.#changed(),
      onScope: () => this.refresh().catch(() => {}), // the next look tries again
    });
  }

  async #refresh() {
    this.#cases = await this.api.get(this.url + (this.filter?.parameters(this.open) ?? ""));
    this.#changed();
  }

  get all() {
    return this.#cases ?? [];
  }

  find(number) {
    return this.#cases?.find((one) => one.number === number);
  }

  // A message was written or recalled; `seen`: the reader has it before their eyes. Returns false when it changes
  // more than can be told from here, and the list must be asked for again.
  took(number, message, seen) {
    this.refresh.outdated();
    const one = this.find(number);
    if (!one || message.recalled || message.sender.role === "system") return false;
    const isNew = message.seq > (one.last_message?.seq ?? 0);
    // The list may have been read while this was written, and know the message but not yet count it.
    if (!isNew) return message.sender.me;
    one.last_message = message;
    if (!message.sender.me && !seen) one.unread += 1;
    const fromMember = message.sender.role === "member";
    one.waiting_since = fromMember ? (one.waiting_since ?? message.created_at) : null;
    this.#put(one);
    this.#changed();
    return true;
  }

  // It has the newest message: it goes before all that do not wait, unless it waits itself.
  #put(one) {
    const others = this.#cases.filter((other) => other !== one);
    const goesBefore = (other) => waits(other) && (!waits(one) || other.waiting_since <= one.waiting_since);
    const place = others.findIndex((other) => !goesBefore(other));
    others.splice(place < 0 ? others.length : place, 0, one);
    this.#cases = others;
  }

  setOnline(number, online) {
    this.refresh.outdated();
    const one = this.find(number);
    if (!one?.advisor) return;
    one.advisor.online = online;
    this.#changed();
  }

  // Something of what /api/cases/ says of this case has changed.
  learn(number, facts) {
    this.refresh.outdated();
    const one = this.find(number);
    if (!one) return;
    Object.assign(one, facts);
    this.#changed();
  }

  // The reader has read up to `seq`. Returns false when there is a newer message, and the list must be asked for again.
  wasRead(number, seq) {
    this.refresh.outdated();
    const one = this.find(number);
    if (!one || one.unread === 0) return true;
    if (one.last_message?.seq > seq) return false;
    one.unread = 0;
    this.#changed();
    return true;
  }

  #changed() {
    const focused = document.activeElement?.dataset?.number;
    const shown = this.filter?.apply(this.#cases, this.open) ?? this.#cases;
    this.list.replaceChildren(...shown.map((one) => this.#item(one)));
    for (const back of document.querySelectorAll(".back")) back.href = this.pages + this.#query;
    if (focused) this.list.querySelector(`[data-number="${focused}"]`)?.focus();
    const unread = this.#cases.reduce((sum, one) => sum + one.unread, 0);
    document.title = unread ? `(${unread}) ${this.pageTitle}` : this.pageTitle;
    this.onCases();
  }

  #item(one) {
    const { words, format } = this;
    const last = one.last_message;
    const time = last && el("time", { class: "case-time", datetime: last.created_at }, format.short(new Date(last.created_at)));
    const badge = one.unread
      ? el("span", { class: "badge" }, one.unread > 99 ? "99+" : String(one.unread), el("span", { class: "sr" }, ` ${words.unread}`))
      : null;
    const link = el(
      "a",
      {
        class: "case",
        href: `${this.pages}${one.number}/${this.#query}`,
        "data-number": one.number,
        "aria-current": one.number === this.open ? "page" : null,
      },
      el("span", { class: "case-top" }, el("span", { class: "case-title" }, one.title), time),
      el("span", { class: "case-who" }, el("span", { class: "case-number" }, `#${one.number}`), ...this.#who(one)),
      el("span", { class: "case-bottom" }, el("span", { class: "case-last" }, this.#preview(last)), badge),
    );
    return el("li", {}, link);
  }

  get #query() {
    return this.filter?.query ?? "";
  }

  #waitingFor(since) {
    return `${this.words.waiting} ${this.format.since(new Date(since))}`;
  }

  #who(one) {
    const { words } = this;
    const said = [];
    if (!one.member.me) {
      said.push(el("span", {}, one.member.name));
      if (waits(one)) said.push(el("span", { class: "chip waiting" }, this.#waitingFor(one.waiting_since)));
    } else if (one.advisor) {
      said.push(el("span", { class: `presence${one.advisor.online ? " online" : ""}` }, one.advisor.name));
    } else said.push(el("span", { class: "presence none" }, words.findingAdvisor));
    if (one.status === "closed") said.push(el("span", { class: "chip" }, words.closed));
    return said;
  }

  #preview(message) {
    if (!message) return "";
    if (message.recalled) return this.words.recalled;
    const text = [...message.body].slice(0, 80).join("");
    return message.sender.me ? this.words.youSaid + text : text;
  }
}
