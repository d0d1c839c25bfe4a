// The advisor's filters over the list of cases. They are links that work without this; with it nothing is loaded anew.
// The words in the box of the search (js/list/search.js) filter the list too: each must say something of the case, as in
// cases/search/queries.py. cases/desk/filters.py filters the same way. Members have no filters, and do not fetch this.

import { waits } from "./cases.js";
import { NextCase } from "./nextcase.js";

const ACTIVE = ["open", "waiting", "unread"]; // these need no closed case in which everything was read
const FIRST = 300; // cases asked for at first
const MOST = 10_000; // that the server gives
const KEPT = "open"; // the filter that needs no word in the address

export class CaseFilter {
  #ready = false; // until there are cases to filter, the links do what links do

  // `onChange()` when other cases are to be shown, `onScope()` when other ones must be asked for first.
  constructor({ pages, onChange, onScope }) {
    Object.assign(this, { onChange, onScope });
    this.next = new NextCase((number) => `${pages}${number}/${this.query}`);
    this.nav = document.getElementById("filters");
    this.box = document.getElementById("search-all");
    this.none = document.getElementById("no-cases");
    this.more = document.getElementById("more-cases");
    this.kinds = JSON.parse(this.nav.dataset.kinds); // in the reader's language
    this.show = this.nav.querySelector("[aria-current]").dataset.show;
    const limit = Math.trunc(Number(new URLSearchParams(location.search).get("cases"))) || FIRST;
    this.limit = Math.min(Math.max(limit, 1), MOST);
    this.box.addEventListener("input", (event) => event.isComposing || this.onChange());
    this.box.addEventListener("compositionend", () => this.onChange());
    this.box.addEventListener("keydown", (event) => this.#key(event));
    for (const link of [...this.nav.querySelectorAll("a"), this.none.querySelector("a")]) {
      link.addEventListener("click", (event) => this.#chosen(event, link.dataset.show));
    }
    this.more.addEventListener("click", (event) => this.#more(event));
  }

  get query() {
    return this.show === KEPT ? "" : `?show=${this.show}`;
  }

  // Whether closed cases are folded: not where one looks for one.
  get folds() {
    return this.show === "all" && !this.box.value.trim();
  }

  // What /api/cases/ is asked for; `open` is the case on the page.
  parameters(open) {
    const scope = ACTIVE.includes(this.show) ? "active" : "all";
    return `?scope=${scope}&limit=${this.limit}${open ? `&open=${open}` : ""}`;
  }

  // Of all cases those to be shown, and how many there are under the filters that count.
  apply(cases, open) {
    this.#ready = true;
    this.next.update(cases.filter(waits), open);
    const wanted = fold(this.box.value).split(/\s+/).filter((word) => word && word !== "#");
    const shown = cases.filter((one) => {
      if (this.box.value.trim()) return belongs(one, this.show) && this.#says(one, wanted);
      return one.number === open || belongs(one, this.show);
    });
    for (const link of this.nav.querySelectorAll("a")) {
      const { show } = link.dataset;
      if (show !== "waiting" && show !== "unread") continue;
      link.querySelector(".count").textContent = cases.filter((one) => belongs(one, show)).length || "";
    }
    this.none.hidden = shown.length > 0;
    this.none.querySelector("a").hidden = this.show === "all";
    this.more.hidden = cases.length < this.limit;
    return shown;
  }

  #says({ number, title, kind, member }, wanted) {
    const text = fold(`#${number} ${title} ${this.kinds[kind]} ${member.name} ${member.email ?? ""}`);
    return wanted.every((word) => text.includes(word));
  }

  #chosen(event, show) {
    if (!this.#ready || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey || event.button) return;
    event.preventDefault();
    const before = this.parameters();
    this.show = show;
    for (const link of this.nav.querySelectorAll("a")) {
      if (link.dataset.show === show) link.setAttribute("aria-current", "true");
      else link.removeAttribute("aria-current");
    }
    history.replaceState(history.state, "", location.pathname + this.query);
    this.onChange();
    if (this.parameters() !== before) this.onScope();
  }

  #more(event) {
    event.preventDefault();
    this.limit = Math.min(this.limit * 2, MOST);
    this.onScope();
  }

  #key(event) {
    if (event.key !== "Escape" || event.isComposing || !this.box.value) return;
    event.preventDefault();
    this.box.value = "";
    this.onChange();
  }
}

// As jiayi/folding.py: without regard to case, width and accents.
function fold(text) {
  return text.normalize("NFKD").toLowerCase().replace(/[\u0300-\u036f]/g, "");
}

function belongs(one, show) {
  switch (show) {
    case "waiting":
      return waits(one);
    case "unread":
      return one.unread > 0;
    case "closed":
      return one.status === "closed";
    case "all":
      return true;
    default:
      return one.status === "open" || one.unread > 0;
  }
}
