// Estimates over time as the columns a chart draws. They follow the history of
// a panel when it is drawn: what is new is read out of its points, the rest stays.

import { finite } from "./format.js";

const PARTS = ["value", "lower", "upper"];

export class TimeSeries {
  /** `entries(point)` gives the names in a point with their estimates. */
  constructor(entries) {
    this.entries = entries;
    this.points = []; // those the columns hold, in order
    this.clock = new Float64Array(64);
    this.series = new Map(); // by name
  }

  /** Makes room for a series. */
  add(name) {
    if (this.series.has(name)) return;
    const column = () => new Float64Array(this.clock.length).fill(NaN);
    this.series.set(name, { value: column(), lower: column(), upper: column() });
  }

  /** Holds these points and no others, which are in the order of their times. */
  sync(points) {
    if (points.length > this.clock.length) this.grow(points.length * 2);
    const held = this.points;
    let at = 0; // where the next point goes
    let old = 0; // the held point to look at
    for (const point of points) {
      while (old < held.length && held[old].t < point.t) old += 1;
      if (held[old] === point) {
        this.move(old, at);
        old += 1;
      } else {
        if (held[old]?.t === point.t) old += 1; // it was revised
        else if (at >= old && old < held.length) return this.rebuild(points); // there is no room before those held
        this.read(point, at);
      }
      at += 1;
    }
    this.points = points.slice();
  }

  rebuild(points) {
    this.points = [];
    this.sync(points);
  }

  grow(capacity) {
    const larger = (column) => {
      const grown = new Float64Array(capacity).fill(NaN);
      grown.set(column);
      return grown;
    };
    this.clock = larger(this.clock);
    for (const columns of this.series.values()) for (const part of PARTS) columns[part] = larger(columns[part]);
  }

  move(from, to) {
    if (from === to) return;
    this.clock[to] = this.clock[from];
    for (const columns of this.series.values()) for (const part of PARTS) columns[part][to] = columns[part][from];
  }

  read(point, at) {
    this.clock[at] = point.t;
    for (const columns of this.series.values()) for (const part of PARTS) columns[part][at] = NaN;
    for (const [name, estimate] of this.entries(point)) {
      const columns = this.series.get(name);
      if (columns) for (const part of PARTS) columns[part][at] = finite(estimate?.[part]);
    }
  }

  get times() {
    return this.clock.subarray(0, this.points.length);
  }

  /** The columns of a series, under a name and in a colour to draw it with. */
  of(key, name, color) {
    const { value, lower, upper } = this.series.get(key);
    const view = (column) => column.subarray(0, this.points.length);
    return { name, color, values: view(value), lower: view(lower), upper: view(upper) };
  }
}
