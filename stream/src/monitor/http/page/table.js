// Tables of what the engine knows: rows that stay while their values change.

import { element, resize, setAttribute, setText } from "./dom.js";

/**
 * A table under a heading. Each column has a `title`, a `cell(row)` that gives
 * its text, and may have `number: true`, `wrap: true` for long text, a
 * `hint(row)` for what does not fit, and `share(row)`, of 0 to 1, drawn as a
 * bar behind the text. Rows with a `key(row)` keep their place in the document,
 * and the focus, when new ones come before them.
 */
export class Table {
  constructor(parent, title, columns, { empty, select, key } = {}) {
    this.columns = columns;
    this.empty = empty ?? "none";
    this.select = select;
    this.key = key;
    this.rows = [];
    this.root = element("section", "card listing", parent);
    setText(element("h2", "title", this.root), title);
    this.note = element("p", "contract", this.root);
    const frame = element("div", "listing-frame", this.root);
    frame.tabIndex = 0;
    frame.setAttribute("role", "region");
    frame.setAttribute("aria-label", title);
    const table = element("table", "listing-table", frame);
    if (select) table.setAttribute("role", "grid"); // of which a row may be chosen
    const head = element("tr", "", element("thead", "", table));
    for (const column of columns) {
      const cell = element("th", column.number ? "number" : "", head);
      cell.scope = "col";
      setText(cell, column.title);
    }
    this.body = element("tbody", "", table);
    this.nothing = element("p", "nothing", this.root);
  }

  /** Shows these rows; `marked(row)` says which are in trouble, `selected(row)` which is chosen. */
  show(rows, { note = "", marked = () => false, selected = () => false } = {}) {
    if (this.key) this.makeRoom(rows);
    this.rows = rows;
    setText(this.note, note);
    setText(this.nothing, rows.length === 0 ? this.empty : "");
    resize(this.body, rows.length, () => this.row());
    rows.forEach((row, at) => {
      const line = this.body.children[at];
      line.classList.toggle("is-marked", Boolean(marked(row)));
      if (this.select) setAttribute(line, "aria-selected", String(selected(row)));
      this.columns.forEach((column, i) => fill(line.children[i], column, row));
    });
  }

  /** Puts lines before those whose rows have moved down. */
  makeRoom(rows) {
    const first = this.rows[0];
    if (!first) return;
    const moved = rows.findIndex((row) => this.key(row) === this.key(first));
    for (let i = 0; i < moved; i += 1) this.body.prepend(this.row());
  }

  row() {
    const line = element("tr", "");
    for (const column of this.columns) {
      const cell = element("td", column.number ? "number" : column.wrap ? "wrap" : "", line);
      if (column.share) element("span", "share", cell);
      element("bdi", "", cell);
    }
    if (this.select) this.makeSelectable(line);
    return line;
  }

  makeSelectable(line) {
    const selected = () => this.select(this.rows[[...this.body.children].indexOf(line)]);
    line.classList.add("is-selectable");
    line.tabIndex = 0;
    line.addEventListener("click", selected);
    line.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" && event.key !== " ") return;
      event.preventDefault();
      selected();
    });
  }
}

function fill(cell, column, row) {
  const text = column.cell(row);
  setText(cell.lastElementChild, text);
  setAttribute(cell, "title", column.hint?.(row) ?? text);
  if (!column.share) return;
  const share = Math.min(1, Math.max(0, column.share(row) || 0));
  cell.firstElementChild.style.setProperty("--share", share.toFixed(3));
}
