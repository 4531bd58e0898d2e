// The frame every panel and every gauge shares: a titled section, and the
// reading (a value and what is known about it) it shows.

import { element, setAttribute, setText } from "./dom.js";
import { estimate, finite, foreign } from "./format.js";

/** A section with a title and a line of small print under it. */
export function card(className, title, unit) {
  const root = element("section", `card ${className}`);
  const name = foreign(title);
  root.setAttribute("aria-label", name);
  const header = element("header", "card-header", root);
  const titles = element("div", "titles", header);
  const heading = element("h3", "title", titles);
  const text = element("bdi", "title-text", heading);
  setText(text, name);
  setAttribute(text, "title", name);
  if (unit) setText(element("span", "unit", heading), foreign(unit, 24));
  const contract = element("p", "contract", titles);
  const remark = element("p", "remark", titles);
  return { root, header, titles, name, contract, remark };
}

/** A value in large type, its interval under it. */
export class Reading {
  constructor(parent, unit) {
    this.root = element("div", "reading-now", parent);
    const line = element("p", "value-line", this.root);
    this.value = element("span", "value", line);
    if (unit) setText(element("span", "value-unit", line), foreign(unit, 24));
    this.detail = element("p", "interval", this.root);
  }

  show(value, detail) {
    setText(this.value, value);
    // A long number is set smaller: cut, it would be another number.
    setAttribute(this.value, "data-size", value.length > 15 ? "small" : value.length > 10 ? "medium" : "large");
    setText(this.detail, detail);
  }

  estimate(e) {
    const { value, interval } = estimate(e);
    this.show(value, interval);
  }
}

/** Estimates of successive times as the columns a chart draws. */
export function series(name, color, estimates) {
  const column = (key) => Float64Array.from(estimates, (e) => finite(e?.[key]));
  return { name, color, values: column("value"), lower: column("lower"), upper: column("upper") };
}

/** The contract estimates share; each one if they differ, as far as that is short. */
export function commonContract(estimates) {
  const contracts = [...new Set(estimates.map((e) => e?.contract).filter(Boolean))];
  if (contracts.length === 0) return "no contract stated";
  const more = contracts.length > 2 ? ` and ${contracts.length - 2} more` : "";
  return contracts.slice(0, 2).map((text) => foreign(text)).join("; ") + more;
}
