// Rows of the latest batch in named columns, which the reader may sort.

import { element, setText } from "../dom.js";
import { estimate, finite, foreign, moment, number } from "../format.js";
import { Table } from "../table.js";
import { Panel } from "./panel.js";

const MOST_ROWS = 100;
const MOST_COLUMNS = 20;

export class TablePanel extends Panel {
  static shape = "wide";
  static kept = 1;

  build() {
    this.when = element("p", "as-of", this.header);
    this.shown = "";
  }

  estimates(point) {
    return rowsOf(point).flat().filter((cell) => cell?.contract);
  }

  show(point) {
    const rows = rowsOf(point);
    const names = (Array.isArray(point.columns) ? point.columns : []).slice(0, MOST_COLUMNS);
    const columns = names.flatMap((name, i) => columnsOf(foreign(name, 60), i, rows));
    // The columns are made again only when others are asked for: where a column got its first interval.
    const shown = JSON.stringify(columns.map(({ title, number, plain }) => [title, number, plain]));
    if (shown !== this.shown) {
      this.shown = shown;
      const sorted = this.table?.sorted;
      this.table?.root.remove();
      this.table = new SortableTable(this.body, this.name, columns, { empty: "No rows" });
      this.table.sorted = sorted ?? null;
    }
    const total = finite(point.total);
    const cut = total > rows.length ? `the first ${number(rows.length)} of ${number(total)} rows` : "";
    setText(this.when, [cut, moment(point.t)].filter(Boolean).join(" · "));
    this.table.show(rows);
  }
}

function rowsOf(point) {
  const rows = Array.isArray(point.rows) ? point.rows.slice(0, MOST_ROWS) : [];
  return rows.map((row) => (Array.isArray(row) ? row : []));
}

const isNumber = (cell) => typeof cell === "object" && cell !== null;

/** A column of texts or of numbers; and one of their intervals, if there are any. */
function columnsOf(title, i, rows) {
  const cells = rows.map((row) => row[i]).filter((cell) => cell !== null && cell !== undefined);
  const numeric = cells.length > 0 && cells.every(isNumber);
  const key = (row) => (isNumber(row[i]) ? finite(row[i].value) : row[i] ?? null);
  const cell = (row) => written(row[i]).text;
  const hint = (row) => [cell(row), written(row[i]).interval].filter(Boolean).join(", ");
  const columns = [{ title, number: numeric, key, hint, cell }];
  const bounded = cells.some((one) => !["", "exact", "no guarantee"].includes(written(one).interval));
  if (bounded) columns.push({ title: "interval", plain: true, cell: (row) => written(row[i]).interval });
  return columns;
}

const writtenNumbers = new WeakMap(); // writing a number is most of the work of a table

/** A cell as text, and its interval if it is a number. */
function written(cell) {
  if (!isNumber(cell)) return { text: cell === null || cell === undefined ? "" : foreign(cell), interval: "" };
  if (!writtenNumbers.has(cell)) {
    const { value, interval } = estimate(cell);
    const vague = interval === "no guarantee" && !Number.isNaN(finite(cell.value));
    writtenNumbers.set(cell, { text: vague ? `≈ ${value}` : value, interval });
  }
  return writtenNumbers.get(cell);
}

/** A table whose columns with a `key(row)` sort it: up, down, and as it was given. */
class SortableTable extends Table {
  constructor(...all) {
    super(...all);
    this.sorted = null; // the title of a column, and whether it ascends
    this.heads = [...this.root.querySelectorAll("th")];
    this.heads.forEach((head, i) => {
      const column = this.columns[i];
      head.classList.toggle("is-plain", Boolean(column.plain));
      if (!column.key) return;
      const button = element("button", "sort");
      button.type = "button";
      setText(element("bdi", "", button), column.title);
      button.addEventListener("click", () => this.sortBy(column));
      head.replaceChildren(button);
    });
  }

  /** Numbers from the highest first, texts from A. */
  sortBy(column) {
    const first = !column.number;
    const { title } = column;
    if (this.sorted?.title !== title) this.sorted = { title, ascending: first };
    else if (this.sorted.ascending === first) this.sorted = { title, ascending: !first };
    else this.sorted = null;
    this.show(this.given);
  }

  show(rows, more) {
    this.given = rows;
    const by = this.columns.findIndex((column) => column.key && column.title === this.sorted?.title);
    this.heads.forEach((head, i) => {
      const order = this.sorted?.ascending ? "ascending" : "descending";
      if (i === by) head.setAttribute("aria-sort", order);
      else head.removeAttribute("aria-sort");
    });
    super.show(by < 0 ? rows : sorted(rows, this.columns[by].key, this.sorted.ascending), more);
  }
}

/** Rows in the order of a key; what has none comes last in either direction. */
function sorted(rows, key, ascending) {
  const absent = (x) => x === null || Number.isNaN(x);
  const texts = new Intl.Collator("en", { numeric: true });
  const compare = (a, b) => (typeof a === "number" && typeof b === "number" ? a - b : texts.compare(a, b));
  return rows
    .map((row) => [key(row), row])
    .sort(([a], [b]) => {
      if (absent(a) || absent(b)) return Number(absent(a)) - Number(absent(b));
      return ascending ? compare(a, b) : compare(b, a);
    })
    .map(([, row]) => row);
}
