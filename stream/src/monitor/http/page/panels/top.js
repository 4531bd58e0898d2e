// The latest ranking: a bar for each row, with a whisker for its interval.

import { series } from "../card.js";
import { element, resize, setAttribute, setText } from "../dom.js";
import { estimate, finite, foreign, moment } from "../format.js";
import { Panel } from "./panel.js";

const MOST_ROWS = 100;

export class TopPanel extends Panel {
  static shape = "wide";
  static kept = 1;

  build() {
    this.list = element("ol", "ranking", this.body);
    this.list.tabIndex = 0; // it scrolls, so the keyboard must reach it
    this.list.setAttribute("aria-label", this.name);
    this.when = element("p", "as-of", this.header);
  }

  rows(point) {
    return Array.isArray(point.rows) ? point.rows.slice(0, MOST_ROWS) : [];
  }

  estimates(point) {
    return this.rows(point).map((row) => row?.e);
  }

  show(point) {
    const rows = this.rows(point);
    setText(this.when, moment(point.t));
    const { values, upper } = series("", "", this.estimates(point));
    const longest = longestBar(values, upper);
    resize(this.list, rows.length, rankingRow);
    rows.forEach((row, i) => showRow(this.list.children[i], row, longest));
  }
}

/** The value a full bar stands for; a useless bound may not shrink the bars. */
function longestBar(values, upper) {
  const finest = (column) => column.reduce((most, x) => (x > most ? x : most), 0);
  const value = finest(values);
  return Math.min(Math.max(value, finest(upper)), value * 2) || 1;
}

function rankingRow() {
  const row = element("li", "row");
  element("bdi", "label", row);
  const bar = element("span", "bar", row);
  element("i", "fill", bar);
  element("i", "whisker", bar);
  element("b", "value", row);
  element("span", "row-interval", row);
  return row;
}

function showRow(node, row, longest) {
  const [label, bar, value, interval] = node.children;
  const [fill, whisker] = bar.children;
  const text = estimate(row?.e);
  const shown = foreign(row?.label);
  setText(label, shown);
  setAttribute(label, "title", shown);
  setText(value, text.value);
  setText(interval, text.interval);

  const share = (x) => Math.min(Math.max(x / longest, 0), 1) * 100;
  const [x, low, high] = [row?.e?.value, row?.e?.lower, row?.e?.upper].map(finite);
  fill.style.width = `${Number.isNaN(x) ? 0 : share(x)}%`;
  whisker.hidden = !(low < high);
  if (whisker.hidden) return;
  whisker.style.left = `${share(low)}%`;
  whisker.style.width = `${share(high) - share(low)}%`;
}
