// A search box and what it found below it; in a case or over all of them.

import { el } from "../lib/dom.js";

const AFTER = 400; // ms without typing
const ON = 5; // answers asked for by itself while nothing was found; each looks at some 20,000 messages

export class Search {
  #asked = 0; // of several questions only the last one's answer counts
  #timer = 0;
  #seen = 0;

  // `pages`: the address under which the cases stand; `onChoose(number, seq)`: returns a promise when it shows the
  // place itself; `onState(open)`: results are shown, or not any more; `onEscape()`: instead of closing the results.
  // `beside`: a list that shows cases for the same words, and stands before the results.
  constructor({ form, api, url, pages, words, format, onChoose, onState = () => {}, onEscape, beside }) {
    Object.assign(this, { form, api, url, pages, words, format, onChoose, onState, onEscape, beside });
    this.box = form.querySelector("[type=search]");
    this.number = Number(form.querySelector("[name=case]")?.value) || null;
    this.status = el("p", { class: "found-status", role: "status" });
    this.list = el("ol", { class: "found-list" });
    this.more = el("button", { class: "button small", type: "button", hidden: true }, words.searchOn);
    this.panel = el("div", { class: "found-panel", hidden: true }, this.status, this.list, el("p", { class: "found-more" }, this.more));
    (beside?.parentElement.lastElementChild ?? form).after(this.panel);
    form.addEventListener("submit", (event) => this.#submit(event));
    this.box.addEventListener("input", (event) => event.isComposing || this.#typed());
    this.box.addEventListener("compositionend", () => this.#typed());
    this.more.addEventListener("click", () => this.#goOn());
    for (const part of [form, this.panel, beside]) part?.addEventListener("keydown", (event) => this.#key(event));
    if (this.box.value) this.#typed(); // before this was loaded
  }

  // Show no results any more; the words stay in the box.
  close() {
    clearTimeout(this.#timer);
    this.#asked += 1;
    this.panel.hidden = true;
    this.list.replaceChildren();
    this.onState(false);
  }

  // Ask again, if anything is shown: what may be seen has changed.
  again() {
    if (!this.panel.hidden) this.#ask();
  }

  // Results of cases that are not to be seen any more go at once.
  keep(isSeen) {
    for (const item of [...this.list.children]) if (!isSeen(Number(item.dataset.number))) item.remove();
  }

  #submit(event) {
    event.preventDefault();
    this.#ask();
  }

  #typed() {
    clearTimeout(this.#timer);
    if (this.box.value.trim()) this.#timer = setTimeout(() => this.#ask(), AFTER);
    else this.close();
  }

  #ask() {
    clearTimeout(this.#timer);
    this.query = this.box.value.trim();
    this.list.replaceChildren();
    if (!this.query) return;
    this.before = null;
    this.#seen = 0;
    this.panel.hidden = false;
    this.onState(true);
    this.#goOn();
  }

  async #goOn() {
    const asked = (this.#asked += 1);
    const { words, format } = this;
    const byButton = document.activeElement === this.more; // which loses the focus when it is hidden
    this.status.textContent = words.searching;
    this.more.hidden = true;
    try {
      for (let n = 0; n < ON; n += 1) {
        const answer = await this.api.get(this.#address());
        if (asked !== this.#asked) return;
        this.#take(answer, byButton);
        if (answer.before === null || answer.results.length) break;
      }
    } catch (error) {
      if (asked === this.#asked) this.#failed(error);
      if (byButton) this.#keepFocus();
      return;
    }
    const so = this.to && this.before ? `${words.foundSoFar} ${format.anyYear.format(new Date(this.to))}` : "";
    const count = `${this.#seen} ${words.results}`;
    const none = this.beside?.children.length ? words.noMessageFound : words.nothingFound;
    this.status.textContent = this.#seen || so ? [count, so].filter(Boolean).join(" · ") : none;
    this.more.hidden = this.before === null;
    if (byButton) this.#keepFocus();
  }

  #keepFocus() {
    if (document.activeElement === document.body) (this.more.hidden ? this.box : this.more).focus();
  }

  #address() {
    const query = new URLSearchParams({ q: this.query });
    if (this.number) query.set("case", this.number);
    if (this.before) query.set("before", this.before);
    return `${this.url}?${query}`;
  }

  #take({ cases, results, before, searched_to: to }, byButton) {
    this.before = before;
    this.to = to;
    const more = cases.filter(({ number }) => !this.beside?.querySelector(`[data-number="${number}"]`));
    this.#seen += more.length + results.length;
    const added = [...more.map((one) => this.#case(one)), ...results.map((one) => this.#result(one))];
    this.list.append(...added);
    if (byButton) added[0]?.firstChild.focus();
  }

  #failed(error) {
    this.status.textContent = error.detail || this.words.searchFailed;
    this.more.hidden = error.status === 400; // by it one tries again, which helps no question that cannot be asked
  }

  #case({ number, ...about }) {
    const name = el("span", { class: "found-who" }, ...named(about, number));
    return el("li", { "data-number": number }, el("a", { class: "found", href: `${this.pages}${number}/` }, name));
  }

  #result(one) {
    const { words, format } = this;
    const date = new Date(one.created_at);
    const link = el(
      "a",
      { class: "found", href: `${this.pages}${one.case}/?at=${one.seq}#m${one.seq}` },
      el(
        "span",
        { class: "found-top" },
        el("span", { class: "found-who" }, one.sender.me ? words.you : el("bdi", {}, one.sender.name)),
        el("time", { class: "found-time", datetime: one.created_at, title: format.fullTime(date) }, format.short(date)),
      ),
      this.number ? null : el("span", { class: "found-case" }, ...named(one, one.case)),
      el("span", { class: "found-text" }, ...one.snippet.map(({ text, match }) => (match ? el("mark", {}, text) : text))),
    );
    link.addEventListener("click", (event) => {
      if (event.ctrlKey || event.metaKey || event.shiftKey) return;
      const shown = this.onChoose(one.case, one.seq);
      if (!shown) return;
      event.preventDefault();
      shown.catch((error) => this.#failed(error));
    });
    return el("li", { "data-number": one.case }, link);
  }

  // Down and up go through the results, from the box and back to it; Escape closes.
  #key(event) {
    if (event.isComposing) return;
    if (event.key === "Escape") this.#escape(event);
    if (event.key !== "ArrowDown" && event.key !== "ArrowUp") return;
    const links = [this.beside, this.list].flatMap((list) => [...(list?.querySelectorAll("a") ?? [])]);
    const stops = [this.box, ...links, ...(this.more.hidden ? [] : [this.more])];
    const to = stops.indexOf(document.activeElement) + (event.key === "ArrowDown" ? 1 : -1);
    if (!stops[to]) return;
    event.preventDefault();
    stops[to].focus();
  }

  #escape(event) {
    event.preventDefault();
    this.close();
    if (this.onEscape) this.onEscape();
    else this.box.focus();
  }
}

// Which case: for an advisor whose first. A name may be written from right to left, and moves nothing beside it.
function named({ title, member }, number) {
  const whose = member.me ? [] : [el("bdi", {}, member.name), " · "];
  return [...whose, el("bdi", {}, title), ` #${number}`];
}

// The search of the open case, behind a button in its head. `make({ form, shut, onEscape })` returns it.
export function searchBehind(details, make) {
  const shut = () => (details.open = false);
  const onEscape = () => {
    shut();
    details.querySelector("summary").focus();
  };
  const search = make({ form: details.querySelector("form"), shut, onEscape });
  const toggled = () => {
    if (!details.open) return search.close();
    search.box.focus();
    search.box.select();
  };
  details.addEventListener("toggle", toggled);
  if (details.open) toggled(); // by which this was wanted
  document.addEventListener("pointerdown", (event) => details.contains(event.target) || shut());
}
