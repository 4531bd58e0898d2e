// The data of a panel for other programs: as CSV, as JSON, as a table.

import { isTime } from "./format.js";

// Whatever the order in which a point has its parts: when, what, and how much.
const FIRST = ["time", "t"];
const LAST = ["value", "lower", "upper", "confidence", "contract"];

/** The data of a panel as `{ columns, rows }`: as its kind gives them, or its points. */
export function tableOf(panel) {
  return typeof panel.table === "function" ? panel.table() : table(panel.history.points);
}

/**
 * Points as `{ columns, rows }`. A point becomes a row; one that holds a list of
 * objects (series, quantiles, ranks) a row for each of them. What is within an
 * object gets a column of its own, an estimate's parts the names they have.
 */
function table(points) {
  const columns = new Set(FIRST);
  const rows = [];
  for (const point of points) {
    const { t, ...rest } = withNamedRows(point);
    const lists = Object.entries(rest).filter(([, value]) => isListOfObjects(value));
    const plain = Object.fromEntries(Object.entries(rest).filter(([key]) => !lists.some(([list]) => list === key)));
    const common = { time: isTime(t) ? new Date(t).toISOString() : null, t, ...flat(plain) };
    // With several lists in a point a row says which it comes from.
    const of = (list) => (lists.length > 1 ? { of: list } : {});
    const parts = lists.flatMap(([list, items]) => items.map((item) => ({ ...of(list), ...flat(item) })));
    for (const part of lists.length > 0 ? parts : [{}]) {
      const cells = { ...common, ...part };
      for (const key of Object.keys(cells)) columns.add(key);
      rows.push(cells);
    }
  }
  const names = [...[...columns].filter((name) => !LAST.includes(name)), ...LAST.filter((name) => columns.has(name))];
  return { columns: names, rows: rows.map((cells) => names.map((name) => cells[name] ?? null)) };
}

/** A table within a point, whose rows are lists: they become objects by the names of its columns. */
function withNamedRows(point) {
  const { columns, rows, ...rest } = point;
  if (!Array.isArray(columns) || !Array.isArray(rows) || !rows.every(Array.isArray)) return point;
  const isTaken = (name, i) => FIRST.includes(name) || columns.indexOf(name) !== i;
  const names = columns.map((name, i) => (isTaken(name, i) ? `${name} (${i + 1})` : String(name)));
  return { ...rest, rows: rows.map((row) => Object.fromEntries(names.map((name, i) => [name, row[i]]))) };
}

function isListOfObjects(value) {
  return Array.isArray(value) && value.length > 0 && value.every(isObject);
}

function isObject(value) {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** What is within an object: the parts of `e` have their own names, those of `p99` are `p99`, `p99.lower` and so on. */
function flat(object) {
  const cells = {};
  for (const [key, value] of Object.entries(object)) {
    if (!isObject(value)) {
      cells[key] = Array.isArray(value) ? JSON.stringify(value) : value;
      continue;
    }
    for (const [inner, part] of Object.entries(flat(value))) {
      const name = key === "e" ? inner : inner === "value" ? key : `${key}.${inner}`;
      cells[name] = part;
    }
  }
  return cells;
}

/** A table as RFC 4180 has it. Text is quoted; none of it can be taken for a formula. */
export function toCsv({ columns, rows }) {
  return [columns, ...rows].map((cells) => `${cells.map(csvCell).join(",")}\r\n`).join("");
}

function csvCell(value) {
  if (value === null || value === undefined) return "";
  if (typeof value === "number") return Number.isFinite(value) ? String(value) : "";
  const text = String(value);
  // A spreadsheet runs text that begins so; behind an apostrophe it does not.
  const safe = /^\s*[=+\-@\uff1d\uff0b\uff0d\uff20]|^[\t\r\n]/.test(text) ? `'${text}` : text;
  return `"${safe.replaceAll('"', '""')}"`;
}

/** The points of a panel as they came, and what panel it is. */
export function toJson({ spec, history }) {
  const { id, ...description } = spec;
  return JSON.stringify({ ...description, exported: new Date().toISOString(), points: history.points }, null, 1);
}

/** A name for a file, of characters that all systems take. */
export function fileName(name, extension) {
  const job = document.getElementById("name").textContent;
  const plain = `${job} ${name}`.normalize("NFKD").replace(/[^A-Za-z0-9]+/g, "-").replace(/^-+|-+$/g, "");
  return `${plain.slice(0, 80) || "panel"}.${extension}`;
}

/** Lets the browser save a text. */
export function download(name, type, text) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], { type: `${type};charset=utf-8` }));
  link.download = name;
  link.click();
  // The browser has begun to read it by then.
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}
