// A bounded history of points in the order of their times.

import { isTime } from "./format.js";

/** The page keeps as many points of a panel as a chart can show. */
const LONGEST = 1000;

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
    for (const point of timed) this.insert(point);
    const excess = this.points.length - this.longest;
    if (excess > 0) this.points.splice(0, excess);
    return timed;
  }

  insert(point) {
    // Points come nearly in order, so the search from the end is short.
    let at = this.points.length;
    while (at > 0 && this.points[at - 1].t > point.t) at -= 1;
    const revises = at > 0 && this.points[at - 1].t === point.t;
    this.points.splice(revises ? at - 1 : at, revises ? 1 : 0, point);
  }

  get latest() {
    return this.points.at(-1);
  }

  get times() {
    return this.points.map((point) => point.t);
  }
}
