// A bounded history of points in the order of their times, coarser the older
// it is. The job thins its own in the same way (`history.rs`).

import { isTime } from "./format.js";

/** The page keeps as many points of a panel as a chart can show. */
const LONGEST = 1000;
/** The newest points, which are all kept. */
const WHOLE = 400;
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

  /** Drops one of the two older points closest together for their age; the oldest, if there are but few. */
  thin() {
    const first = this.closest();
    const dropped = first === 0 ? 0 : standsOut(this.points.slice(first - 1, first + 3)) ? first + 1 : first;
    this.points.splice(dropped, 1);
  }

  /** The first of the pair that takes up the least time between its neighbours, for its age; 0 if there is none. */
  closest() {
    const { points } = this;
    const newest = points.at(-1).t;
    let [least, found] = [Infinity, 0];
    for (let at = 1; at < points.length - WHOLE - 1; at += 1) {
      const cost = (points[at + 2].t - points[at - 1].t) / (newest - points[at].t);
      if (cost < least) [least, found] = [cost, at];
    }
    return found;
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
 * two: a peak stays. A point of more values than the other says more.
 */
function standsOut([before, a, b, after]) {
  const [from, ofA, ofB, to] = [before, a, b, after].map(values);
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
  for (const [, field] of fields) visit(field);
  return found;
}
