// Which stretch of time the charts show: all of them the same one.

import { RANGES } from "./address.js";
import { after, from } from "./scale.js";

const SHORTEST_MS = 10;

class Span {
  constructor() {
    this.range = "all";
    this.zoom = null; // two times
    this.listeners = [];
  }

  /** Shows the latest part of the history, or with `zoom` a part of the past. */
  set(range, zoom) {
    if (range === this.range && String(zoom) === String(this.zoom)) return;
    this.range = range;
    this.zoom = zoom;
    for (const listener of this.listeners) listener();
  }

  zoomTo(start, end) {
    const short = SHORTEST_MS - (end - start);
    const room = Math.max(0, short / 2);
    this.set(this.range, [Math.round(start - room), Math.round(end + room)]);
  }

  unzoom() {
    this.set(this.range, null);
  }

  /** The span for a chart of these times. The range ends where its data end. */
  of(times) {
    if (this.zoom) return this.zoom;
    const last = times.at(-1);
    return [Math.max(times[0], last - RANGES.get(this.range)), last];
  }
}

export const span = new Span();

/**
 * The part of a chart's model that lies within a span, with a point more at
 * each side, to which lines run out of view. `inside` are the indices of the
 * points in view; `domain` is the span; `current` says whether the last point
 * is the latest there is.
 */
export function within(model, [start, end]) {
  const { times } = model;
  const [first, last] = [from(times, start), after(times, end)];
  const [low, high] = [Math.max(0, first - 1), Math.min(times.length, last + 1)];
  const whole = low === 0 && high === times.length;
  const series = whole ? model.series : model.series.map((one) => part(one, times.length, low, high));
  return {
    ...model,
    times: whole ? times : cut(times, low, high),
    series,
    inside: [first - low, last - low],
    domain: [start, end],
    current: last === times.length,
    crossed: first > 0 && last < times.length, // a line goes through, whether points are in view or not
  };
}

/** A series whose columns, whatever they are called, are cut. */
function part(series, length, low, high) {
  const cutColumn = ([key, column]) => [key, isColumn(column, length) ? cut(column, low, high) : column];
  return Object.fromEntries(Object.entries(series).map(cutColumn));
}

function isColumn(value, length) {
  return (Array.isArray(value) || ArrayBuffer.isView(value)) && value.length === length;
}

/** Of a typed column a view, not a copy. */
export function cut(column, low, high) {
  return column.subarray ? column.subarray(low, high) : column.slice(low, high);
}
