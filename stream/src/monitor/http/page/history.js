// A bounded history of points in the order of their times, coarser the older
// it is. The job thins its own in the same way (`history.rs`).

import { isTime } from "./format.js";

/** The page keeps as many points of a panel as a chart can show. */
const LONGEST = 1000;
/** The newest points, which are all kept. */
const WHOLE = 400;
/** When there are too many points, one in so many is dropped at once: to look for it is work for all of them. */
const AT_ONCE = 16;
/** By so many values points are compared when one of two is to stay. */
const COMPARED = 8;

export class History {
  constructor(longest = LONGEST) {
    this.longest = longest;
    this.points = [];
  }

  /**
   * Adds points. A point of a time already present replaces it: that is how a
   * window revised by late records arrives. Returns the points it took, for
   * one without a time has no place.
   */
  add(points) {
    const timed = (Array.isArray(points) ? points : []).filter((point) => isTime(point?.t));
    for (const point of timed) {
      this.insert(point);
      if (this.points.length > this.longest) this.thin();
    }
    return timed;
  }

  insert(point) {
    // Points come nearly in order, so the search from the end is short.
    let at = this.points.length;
    while (at > 0 && this.points[at - 1].t > point.t) at -= 1;
    const revises = at > 0 && this.points[at - 1].t === point.t;
    this.points.splice(revises ? at - 1 : at, revises ? 1 : 0, point);
  }

  /** Drops some points, one at least. The oldest, if there are but few. */
  thin() {
    const dropped = new Set(this.closest(Math.max(1, Math.floor(this.longest / AT_ONCE))));
    if (dropped.size === 0) dropped.add(0);
    this.points = this.points.filter((_, at) => !dropped.has(at));
  }

  /**
   * Of so many pairs of older points that take up the least time between their
   * neighbours, for their age, the one that the other says more without. Pairs
   * that share a neighbour with one before them have to wait: it changes them.
   */
  closest(most) {
    const { points } = this;
    const newest = points.at(-1).t;
    const pairs = [];
    for (let at = 1; at < points.length - WHOLE - 1; at += 1) {
      pairs.push([(points[at + 2].t - points[at - 1].t) / (newest - points[at].t), at]);
    }
    pairs.sort((a, b) => a[0] - b[0] || a[1] - b[1]);
    const touched = new Uint8Array(points.length);
    const dropped = [];
    for (const [, first] of pairs) {
      if (dropped.length === most) break;
      const around = touched.subarray(first - 1, first + 3);
      if (around.includes(1)) continue;
      around.fill(1);
      dropped.push(standsOut(points.slice(first - 1, first + 3)) ? first + 1 : first);
    }
    return dropped;
  }

  get latest() {
    return this.points.at(-1);
  }

  get times() {
    return this.points.map((point) => point.t);
  }
}

/**
 * Whether `a` is further than `b` from the line between the points around the
 * two: a peak stays. A point of more marks or values than the other says more
 * in any case.
 */
function standsOut([before, a, b, after]) {
  const [from, ofA, ofB, to] = [before, a, b, after].map(values);
  if (marks(a) !== marks(b)) return marks(a) > marks(b);
  if (ofA.length !== ofB.length) return ofA.length > ofB.length;
  const share = (point) => (point.t - before.t) / (after.t - before.t);
  let [sumA, sumB] = [0, 0];
  for (let i = 0; i < ofA.length && i < from.length && i < to.length; i += 1) {
    const distance = (value, at) => Math.abs(value - (from[i] + (to[i] - from[i]) * at));
    const [x, y] = [distance(ofA[i], share(a)), distance(ofB[i], share(b))];
    // Each value counts alike, whatever its unit.
    if (x + y > 0) {
      sumA += x / (x + y);
      sumB += y / (x + y);
    }
  }
  return sumA > sumB;
}

/** How many fields of a point are true: an alert, say. */
function marks(point) {
  return Object.values(point).filter((field) => field === true).length;
}

/** Values of a point: its numbers, and those of its estimates. */
function values(point) {
  const fields = Object.entries(point);
  const numbers = fields.filter(([name, field]) => Number.isFinite(field) && name !== "t" && name !== "kept");
  const found = numbers.map(([, field]) => field).slice(0, COMPARED);
  const visit = (field) => {
    if (field === null || typeof field !== "object") return;
    if (Number.isFinite(field.value) && found.length < COMPARED) found.push(field.value);
    for (const inner of Object.values(field)) visit(inner);
  };
  for (const [name, field] of fields) {
    if (name !== "sample") visit(field); // it is drawn of the last point only
  }
  return found;
}
