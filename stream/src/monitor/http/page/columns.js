// Estimates over time as the columns a chart draws, kept as points arrive: the
// latest so many, in the order of their times, nothing allocated for a point.

import { finite } from "./format.js";

const PARTS = ["value", "lower", "upper"];

/** As a `History` does: a point of a time already there replaces it. */
export class Columns {
  constructor(longest) {
    this.longest = longest;
    // Twice as long: the oldest points are left behind, and moved over only once in so many.
    this.capacity = 2 * longest;
    this.start = 0;
    this.length = 0;
    this.clock = new Float64Array(this.capacity);
    this.series = new Map(); // by name
  }

  /** Takes a point: `entries` are names with their estimates. */
  put(t, entries) {
    const at = this.place(t);
    for (const columns of this.series.values()) for (const part of PARTS) columns[part][at] = NaN;
    for (const [name, estimate] of entries) {
      const columns = this.series.get(name);
      if (columns) for (const part of PARTS) columns[part][at] = finite(estimate?.[part]);
    }
    if (this.length <= this.longest) return;
    this.start += 1;
    this.length -= 1;
  }

  /** Makes room for a new series, absent so far. */
  add(name) {
    if (this.series.has(name)) return;
    const column = () => new Float64Array(this.capacity).fill(NaN);
    this.series.set(name, { value: column(), lower: column(), upper: column() });
  }

  /** The index for a time: that of the point it replaces, or one made free for it. */
  place(t) {
    const end = this.start + this.length;
    let at = end;
    while (at > this.start && this.clock[at - 1] > t) at -= 1;
    if (at > this.start && this.clock[at - 1] === t) return at - 1;
    if (end === this.capacity) {
      this.moveTo(0);
      return this.place(t);
    }
    for (const column of this.all()) column.copyWithin(at + 1, at, end);
    this.clock[at] = t;
    this.length += 1;
    return at;
  }

  moveTo(start) {
    for (const column of this.all()) column.copyWithin(start, this.start, this.start + this.length);
    this.start = start;
  }

  *all() {
    yield this.clock;
    for (const columns of this.series.values()) for (const part of PARTS) yield columns[part];
  }

  get times() {
    return this.view(this.clock);
  }

  /** The columns of a series, under a name and in a colour to draw it with. */
  of(key, name, color) {
    const { value, lower, upper } = this.series.get(key);
    return { name, color, values: this.view(value), lower: this.view(lower), upper: this.view(upper) };
  }

  view(column) {
    return column.subarray(this.start, this.start + this.length);
  }
}
