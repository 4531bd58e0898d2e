// Where panels stand: on pages, on a page in groups, in a group numbers before
// charts. All in the order in which the job names them.

import { element, setText } from "./dom.js";
import { foreign } from "./format.js";

const NARROWEST_NUMBER = 248;
const GAP = 16;
const LONGEST_NAME = 200;

/** The name of a page or a group; none for what is no text or empty. */
function nameOf(given) {
  return typeof given === "string" ? given.slice(0, LONGEST_NAME) : "";
}

/** Views by what `key` gives for each, in order of first appearance, those without a name first. */
function grouped(views, key) {
  const groups = new Map([["", []]]);
  for (const view of views) {
    const name = nameOf(key(view));
    if (!groups.has(name)) groups.set(name, []);
    groups.get(name).push(view);
  }
  if (groups.get("").length === 0) groups.delete("");
  return groups;
}

export class Layout {
  constructor(root) {
    this.root = root;
    this.pages = new Map(); // the element of each, by name
    this.resized = new ResizeObserver((entries) => entries.forEach(({ target }) => balance(target)));
  }

  /** Places these views; gives the names of the pages. */
  place(views) {
    this.resized.disconnect();
    const pages = grouped(views, (view) => view.spec.page);
    this.pages = new Map([...pages].map(([name, on]) => [name, this.page(name, on)]));
    this.root.replaceChildren(...this.pages.values());
    return [...this.pages.keys()];
  }

  page(name, views) {
    const page = element("div", "user-page");
    page.hidden = true;
    for (const [group, members] of grouped(views, (view) => view.spec.group)) {
      const section = element("section", "group", page);
      const title = element("h2", group === "" ? "visually-hidden" : "group-title", section);
      setText(title, foreign(group || name || "Answers", 120));
      section.setAttribute("aria-label", title.textContent);
      const narrow = (view) => view.constructor.shape === "narrow";
      const numbers = element("div", "numbers", section);
      numbers.append(...members.filter(narrow).map((view) => view.root));
      const charts = element("div", "charts", section);
      charts.append(...members.filter((view) => !narrow(view)).map((view) => view.root));
      this.resized.observe(numbers);
    }
    return page;
  }

  /** Shows a page, and no other. */
  turnTo(name) {
    for (const [known, page] of this.pages) page.hidden = known !== name;
  }
}

/** Number cards in rows of equal length, as far as their count allows. */
function balance(grid) {
  const count = grid.children.length;
  const fit = Math.max(1, Math.floor((grid.clientWidth + GAP) / (NARROWEST_NUMBER + GAP)));
  const rows = Math.max(1, Math.ceil(count / fit));
  grid.style.setProperty("--columns", Math.max(1, Math.ceil(count / rows)));
}
