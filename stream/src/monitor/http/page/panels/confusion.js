// A confusion matrix: the latest counts by actual and predicted class, with the
// share of each row.

import { element, resize, setAttribute, setText } from "../dom.js";
import { finite, foreign, moment, number } from "../format.js";
import { Panel } from "./panel.js";

const MOST_CLASSES = 13;

export class ConfusionPanel extends Panel {
  static shape = "wide";
  static kept = 1;

  build() {
    this.when = element("p", "as-of", this.header);
    this.said = element("p", "matrix-summary", this.body);
    const frame = element("div", "matrix-frame", this.body);
    frame.tabIndex = 0; // it scrolls, so the keyboard must reach it
    frame.setAttribute("role", "region");
    frame.setAttribute("aria-label", this.name);
    const table = element("table", "matrix", frame);
    table.setAttribute("aria-label", `${this.name}: rows are actual classes, columns predicted ones`);
    this.head = element("tr", "", element("thead", "", table));
    this.rows = element("tbody", "", table);
  }

  estimates() {
    return [{ contract: "counts, and the share of the actual class" }];
  }

  show(point) {
    const matrix = read(point);
    setText(this.when, moment(point.t));
    setText(this.said, inWords(matrix));
    resize(this.head, matrix.columns.length + 1, headCell);
    setText(this.head.firstElementChild, "actual \\ predicted");
    matrix.columns.forEach((name, i) => label(this.head.children[i + 1], name));
    resize(this.rows, matrix.labels.length, () => element("tr", ""));
    matrix.labels.forEach((name, i) => this.showRow(this.rows.children[i], name, matrix, i));
  }

  /** The matrix, for exports. */
  table() {
    const { labels, columns, counts } = read(this.latest ?? {});
    return { columns: ["actual", ...columns], rows: labels.map((name, i) => [name, ...counts[i]]) };
  }

  showRow(row, name, matrix, actual) {
    const counts = matrix.counts[actual];
    const total = counts.reduce((sum, n) => sum + n, 0);
    if (!row.firstElementChild) headCell(row, "row");
    label(row.firstElementChild, name);
    while (row.children.length > counts.length + 1) row.lastElementChild.remove();
    while (row.children.length < counts.length + 1) cell(row);
    counts.forEach((n, i) => {
      const [count, share] = row.children[i + 1].children;
      const part = total > 0 ? n / total : 0;
      // "Other" for "other" may be right or wrong.
      row.children[i + 1].className = i === actual && i < matrix.classes ? "is-right" : "";
      row.children[i + 1].style.setProperty("--share", part.toFixed(3));
      setText(count, number(n));
      setText(share, total > 0 ? percent(part) : "");
      setAttribute(row.children[i + 1], "title", `${name}, predicted ${matrix.columns[i]}: ${number(n)}`);
    });
  }
}

/** What a point says, as far as it can be drawn: whatever is no count is 0. */
function read(point) {
  const list = (what) => (Array.isArray(what) ? what.slice(0, MOST_CLASSES) : []);
  const classes = list(point.classes).map((name) => foreign(name, 40));
  const others = finite(point.others);
  const labels = others > 0 ? [...classes, `other (${number(others)} classes)`] : classes;
  const none = list(point.none);
  const missed = none.some((n) => n > 0);
  const count = (n) => Math.max(finite(n), 0) || 0;
  const counts = labels.map((_, i) => {
    const row = list(list(point.counts)[i]);
    const counted = labels.map((_, k) => count(row[k]));
    return missed ? [...counted, count(none[i])] : counted;
  });
  return {
    classes: classes.length,
    labels,
    columns: missed ? [...labels, "nothing"] : labels,
    counts,
    right: count(point.right),
    total: count(point.total),
  };
}

function inWords({ labels, columns, counts, right, total }) {
  if (total === 0) return "No rows yet";
  let worst = { n: 0 };
  counts.forEach((row, i) => row.forEach((n, k) => {
    if (i !== k && n > worst.n) worst = { n, i, k };
  }));
  const most = worst.n > 0
    ? `; most often ${labels[worst.i]} was taken for ${columns[worst.k]}, ${number(worst.n)} times`
    : "";
  return `${percent(right / total)} of ${number(total)} right${most}`;
}

function percent(share) {
  return `${(share * 100).toFixed(1)} %`;
}

function headCell(row, scope = "col") {
  const head = element("th", "", row);
  head.scope = scope;
  return head;
}

function label(head, name) {
  if (!head.firstElementChild) element("bdi", "", head);
  setText(head.firstElementChild, name);
  setAttribute(head, "title", name);
}

function cell(row) {
  const made = element("td", "", row);
  element("b", "", made);
  element("span", "matrix-share", made);
}
