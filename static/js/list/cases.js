// The list of cases, as templates/cases/_case.html renders it, and the count of unread messages in the title. Its order
// is that of queries.list_cases; closed cases in which everything was read are folded, below the others.

import { el } from "../lib/dom.js";
import { oneAtATime } from "../lib/api.js";
import { load, save } from "../lib/store.js";

export class CaseList {
  #cases = null; // as /api/cases/ gives them; null until it did

  // `Filter`: the class of js/list/casefilter.js, for advisors; `onCases()` after every change of what is known of the cases.
  constructor({ list, api, url, pages, open, words, format, onCases, Filter }) {
    Object.assign(this, { list, api, url, pages, open, words, format, onCases });
    this.pageTitle = document.title;
    this.refresh = oneAtATime(() => this.#refresh());
    for (const time of list.querySelectorAll("time")) time.textContent = format.short(new Date(time.dateTime));
    for (const chip of list.querySelectorAll(".waiting")) chip.textContent = this.#waitingFor(chip.dataset.since);
    if (Filter) this.filter = new Filter({
      pages,
      onChange: () => this.#cases && this.#changed(),
      onScope: () => this.refresh().catch(() => {}), // the next look tries again
    });
    const closed = document.getElementById("closed-cases");
    if (closed) this.#keepFold(closed);
    this.#openOne?.scrollIntoView({ block: "nearest" });
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
    this.#changed();
    return true;
  }

  // `unsent(number)`: what a row says of what is not sent yet, as in js/list/unsent.js.
  mark(unsent) {
    this.unsent = unsent;
    if (this.#cases) this.#changed();
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
    const inView = this.#isInView();
    this.#cases.sort(inOrder);
    this.#show(this.filter?.apply(this.#cases, this.open) ?? this.#cases);
    if (inView) this.#openOne?.scrollIntoView({ block: "nearest" });
    for (const back of document.querySelectorAll(".back")) back.href = this.pages + this.#query;
    if (focused) this.list.querySelector(`[data-number="${focused}"]`)?.focus();
    const unread = this.#cases.reduce((sum, one) => sum + one.unread, 0);
    document.title = unread ? `(${unread}) ${this.pageTitle}` : this.pageTitle;
    this.onCases();
  }

  #show(shown) {
    const isFolded = (one) => one.status === "closed" && !one.unread && (this.filter?.folds ?? true);
    const folded = shown.filter(isFolded);
    const items = shown.filter((one) => !isFolded(one)).map((one) => this.#item(one));
    if (folded.length) this.closed ??= this.#keepFold(this.#newFold(folded.some((one) => one.number === this.open)));
    for (const old of [...this.list.children]) if (old !== this.closed || !folded.length) old.remove();
    this.list.prepend(...items); // the fold is not moved: it may have the focus
    if (!folded.length) return;
    if (!this.closed.parentElement) this.list.append(this.closed);
    this.closed.querySelector(".count").textContent = folded.length;
    this.closed.querySelector("ul").replaceChildren(...folded.map((one) => this.#item(one)));
  }

  #newFold(open) {
    const head = el("summary", {}, `${this.words.closed} `, el("span", { class: "count" }));
    return el("li", { class: "closed-cases", id: "closed-cases" }, el("details", { class: "step", open }, head, el("ul")));
  }

  // Open or not, as the reader left it; what opens it for the case on the page is not the reader.
  #keepFold(closed) {
    this.closed = closed;
    const details = closed.firstElementChild;
    details.open ||= load("closed-cases", false);
    details.firstElementChild.addEventListener("click", () => save("closed-cases", !details.open));
    return closed;
  }

  get #openOne() {
    return this.list.querySelector("[aria-current]");
  }

  // Whether the row of the case on the page stands before the reader's eyes.
  #isInView() {
    const row = this.#openOne?.getBoundingClientRect();
    const { top, bottom } = this.list.getBoundingClientRect();
    return Boolean(row?.height) && row.top >= top && row.bottom <= bottom;
  }

  #item(one) {
    const { words, format } = this;
    const title = el("bdi", { class: "case-title" }, one.title);
    const mine = one.member.me;
    const last = one.last_message;
    const { chip, text } = this.unsent?.(one.number) ?? {};
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
      el("span", { class: "case-top" }, mine ? title : el("bdi", { class: "case-name" }, one.member.name), time),
      el("span", { class: "case-who" }, mine ? null : title, el("span", { class: "case-number" }, `#${one.number}`), ...this.#who(one)),
      el("span", { class: "case-bottom" }, waits(one) ? this.#chip(one) : null, chip, el("span", { class: "case-last" }, ...(text ?? [this.#preview(last)])), badge),
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
    if (one.member.me && one.advisor) {
      said.push(el("span", { class: `presence${one.advisor.online ? " online" : ""}` }, el("bdi", {}, one.advisor.name)));
    } else if (one.member.me) said.push(el("span", { class: "presence none" }, words.findingAdvisor));
    if (one.status === "closed") said.push(el("span", { class: "chip" }, words.closed));
    return said;
  }

  #chip(one) {
    return el("span", { class: "chip waiting", "data-since": one.waiting_since }, this.#waitingFor(one.waiting_since));
  }

  #preview(message) {
    if (!message) return "";
    if (message.recalled) return this.words.recalled;
    const text = [...message.body].slice(0, 80).join("");
    return message.sender.me ? this.words.youSaid + text : text;
  }
}

// Whether it waits for this reader: nobody's own case does.
export function waits(one) {
  return Boolean(one.waiting_since) && !one.member.me;
}

// What waits, longest first; then what is unread, what is open, what is closed: the newest first. A case without a
// message is a new one.
function inOrder(one, other) {
  const rank = rankOf(one);
  if (rank !== rankOf(other)) return rank - rankOf(other);
  if (!rank) return compare(one.waiting_since, other.waiting_since);
  return compare(other.last_message?.created_at ?? "~", one.last_message?.created_at ?? "~");
}

function rankOf(one) {
  if (waits(one)) return 0;
  return (one.unread ? 1 : 3) + (one.status === "closed" ? 1 : 0);
}

const compare = (one, other) => (one < other ? -1 : one > other ? 1 : 0);
