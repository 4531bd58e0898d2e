// Keys by time: a row for each key, a column for each time, the value as a colour.

import { element, setText } from "../dom.js";
import { finite, foreign, moment, number, precise, preciseInterval, timeTick } from "../format.js";
import { linear, nearest, timeAxis } from "../scale.js";
import { span } from "../span.js";
import { color } from "../theme.js";
import { Zoom } from "../zoom.js";
import { Panel, spoken } from "./panel.js";
import { Surface } from "./surface.js";

const MOST_COLUMNS = 240;
const MOST_ROWS = 40;
const SHADES = 48;
const STOPS = ["heat-1", "heat-2", "heat-3", "heat-4", "heat-5"];
const LINE_HEIGHT = 14;
const TALLEST_ROW = 26;

/** Colours follow the logarithm while the highest value is so many times the median one. */
const SKEWED = 40;

export class HeatPanel extends Panel {
  static shape = "wide";
  static kept = MOST_COLUMNS;

  build() {
    this.cells = new WeakMap(); // of a point: the estimates by label
    this.values = new WeakMap(); // of a point: the values of the present rows
    this.labels = [];
    this.image = document.createElement("canvas"); // a pixel for each cell
    this.cursor = null; // the cell that is read: its label and its time
    const corner = element("div", "heat-corner", this.header);
    this.about = element("p", "as-of", corner);
    this.legend = element("p", "heat-legend", corner);
    this.least = element("span", "", this.legend);
    element("i", "heat-ramp", this.legend);
    this.most = element("span", "", this.legend);
    const requestDraw = () => this.redraw.requestDraw(this);
    this.surface = new Surface(element("div", "plot", this.body), this, requestDraw);
    this.zoom = new Zoom(this, requestDraw);
  }

  accept(points) {
    for (const point of points) {
      this.cells.set(point, new Map(cellsOf(point).map((cell) => [labelOf(cell), cell?.e ?? null])));
    }
  }

  estimates(point) {
    const contracts = Array.isArray(point.contracts) ? point.contracts : [];
    return contracts.map((contract) => ({ contract }));
  }

  show(point) {
    const labels = cellsOf(point).map(labelOf);
    if (labels.some((label, row) => label !== this.labels[row]) || labels.length !== this.labels.length) {
      this.labels = labels;
      this.values = new WeakMap();
    }
    this.shades = this.measure();
    const { low, high, logarithmic } = this.shades;
    setText(this.least, number(low));
    setText(this.most, `${number(high)}${logarithmic ? ", logarithmic" : ""}`);
    const keys = finite(point.keys);
    setText(this.about, keys > this.labels.length ? `${this.labels.length} of ${number(keys)} keys` : "");
  }

  get canvas() {
    return this.surface.canvas;
  }

  /** The time that is read: what a zoom by keys is around. */
  get hover() {
    return { time: this.cursor?.t ?? null };
  }

  at(point, label) {
    return this.cells.get(point)?.get(label) ?? null;
  }

  /** The values of a column, from the top; NaN for a cell without one. */
  column(point) {
    let values = this.values.get(point);
    if (!values) {
      values = Float64Array.from(this.labels, (label) => finite(this.at(point, label)?.value));
      this.values.set(point, values);
    }
    return values;
  }

  /** The range of the colours, over all cells. */
  measure() {
    const all = new Float64Array(this.history.points.length * this.labels.length);
    let count = 0;
    for (const point of this.history.points) {
      for (const value of this.column(point)) if (!Number.isNaN(value)) all[count++] = value;
    }
    const values = all.subarray(0, count);
    values.sort();
    const [least, high] = [values[0] ?? NaN, values.at(-1) ?? NaN];
    const positive = values.slice(values.findIndex((value) => value > 0));
    const times = high / positive[positive.length >> 1];
    // Twice, so that values near the border do not make it flicker.
    const logarithmic = least >= 0 && times > (this.shades?.logarithmic ? SKEWED / 2 : SKEWED);
    return { low: logarithmic ? positive[0] : Math.min(least, 0), high, logarithmic };
  }

  draw() {
    const size = this.surface.fit();
    if (!size || !this.latest) return;
    this.plane = this.layout(size);
    this.drawCells();
    this.drawAxes(size);
    this.zoom.draw(this.surface.context, this.plane);
    this.drawCursor();
    this.surface.summarize(() => this.summary());
  }

  layout({ width, height }) {
    const { surface, labels } = this;
    const names = labels.map((label) => surface.fitting(foreign(label, 60), Math.min(180, width * 0.36)));
    const left = Math.ceil(Math.max(24, ...names.map((name) => surface.context.measureText(name).width))) + 8;
    const rowHeight = Math.min(TALLEST_ROW, (height - 2 * LINE_HEIGHT - 8) / Math.max(1, labels.length));
    const right = width - 4;
    const box = { left, right, top: 0, bottom: Math.round(rowHeight * labels.length) };
    const { points, times, starts, domain } = this.inSpan();
    const x = timeAxis(domain, Math.max(2, Math.floor((right - left) / 88)));
    const px = linear(x.domain, [left, right]);
    const inside = (t) => Math.min(Math.max(px(t), left), right);
    return { names, box, left, right, rowHeight, points, times, x, px, from: starts.map(inside), to: times.map(inside) };
  }

  /** The columns that the span of all charts shows, with the times at which they begin and end. */
  inSpan() {
    const { points, times } = this.history;
    const starts = startsOf(times);
    const [start, end] = span.of(times);
    this.whole = [starts[0], times.at(-1)];
    // A range is of so many points, as in other charts; a zoom shows what of a column lies in it.
    const isIn = (i) => (span.zoom ? times[i] > start && starts[i] < end : times[i] >= start);
    const shown = times.map((_, i) => i).filter(isIn);
    const of = (column) => shown.map((i) => column[i]);
    const domain = span.zoom ?? [starts[shown[0]], end];
    return { points: of(points), times: of(times), starts: of(starts), domain };
  }

  /** Colours every cell as a pixel of an image, and stretches each column of it: that is one call instead of twenty. */
  drawCells() {
    const { context: ctx } = this.surface;
    const { box, points, rowHeight, from, to, right, left } = this.plane;
    const { image, labels } = this;
    if (labels.length === 0) return;
    if (points.length === 0) {
      ctx.fillStyle = color("muted");
      ctx.textBaseline = "middle";
      this.surface.centred("no data in this span", (left + right) / 2, box.bottom / 2);
      return;
    }
    Object.assign(image, { width: points.length, height: labels.length }); // clears it
    const pixels = new ImageData(points.length, labels.length);
    const cells = new Uint32Array(pixels.data.buffer);
    const palette = shadesOf(STOPS.map(color));
    const place = this.placing();
    points.forEach((point, column) => {
      this.column(point).forEach((value, row) => {
        if (Number.isNaN(value)) return;
        cells[row * points.length + column] = palette[Math.round(place(value) * (SHADES - 1))];
      });
    });
    image.getContext("2d").putImageData(pixels, 0, 0);
    ctx.imageSmoothingEnabled = false;
    points.forEach((_, column) => {
      const x = Math.round(from[column]);
      const gap = to[column] - from[column] >= 5 ? 1 : 0;
      const width = Math.max(1, Math.round(to[column]) - x - gap);
      ctx.drawImage(image, column, 0, 1, labels.length, x, 0, width, box.bottom);
    });
    if (rowHeight < 8) return;
    for (let row = 1; row < labels.length; row += 1) {
      ctx.clearRect(left, Math.round(row * rowHeight) - 1, right - left, 1);
    }
  }

  /** Where a value lies between the ends of the colours, of 0 to 1. */
  placing() {
    const { low, high, logarithmic } = this.shades;
    const bend = (x) => (logarithmic ? Math.log(Math.max(x, low)) : x);
    const length = bend(high) - bend(low);
    return (value) => (length > 0 ? Math.min(Math.max((bend(value) - bend(low)) / length, 0), 1) : 1);
  }

  drawAxes({ width }) {
    const { surface, plane } = this;
    const ctx = surface.context;
    ctx.fillStyle = color("muted");
    ctx.textBaseline = "middle";
    ctx.textAlign = "right";
    const every = Math.ceil(11 / plane.rowHeight);
    plane.names.forEach((name, row) => {
      if (row % every === 0) ctx.fillText(name, plane.left - 8, (row + 0.5) * plane.rowHeight);
    });
    ctx.textBaseline = "top";
    const bottom = plane.rowHeight * this.labels.length + 6;
    let context = null;
    for (const t of plane.x.ticks) {
      const [fine, coarse] = timeTick(t, plane.x.step);
      surface.centred(fine, plane.px(t), bottom, width);
      if (coarse !== context) surface.centred(coarse, plane.px(t), bottom + LINE_HEIGHT, width);
      context = coarse;
    }
  }

  drawCursor() {
    const { surface, plane, cursor } = this;
    const row = this.labels.indexOf(cursor?.label);
    if (row < 0 || plane.times.length === 0) {
      surface.quiet();
      return;
    }
    const column = nearest(plane.times, cursor.t);
    const point = plane.points[column];
    const ctx = surface.context;
    const [x, y] = [plane.from[column], row * plane.rowHeight];
    ctx.strokeStyle = color("ink");
    ctx.lineWidth = 2;
    ctx.strokeRect(x - 1, y - 1, Math.max(3, plane.to[column] - x + 1), plane.rowHeight + 1);
    const e = this.at(point, cursor.label);
    const [value, lower, upper] = [e?.value, e?.lower, e?.upper].map(finite);
    const told = Number.isNaN(value) ? ["no value", ""] : [precise(value), preciseInterval(lower, upper)];
    surface.tell(moment(point.t), [[foreign(cursor.label, 60), ...told]], plane.to[column], y + plane.rowHeight);
  }

  read(column, row) {
    const inside = (i, length) => Math.min(Math.max(i, 0), length - 1);
    const t = this.plane.times[inside(column, this.plane.times.length)];
    const label = this.labels[inside(row, this.labels.length)];
    if (this.cursor?.t === t && this.cursor?.label === label) return;
    this.cursor = label === undefined ? null : { label, t };
    this.redraw.requestDraw(this);
  }

  point(x, y) {
    const { plane } = this;
    if (!plane || plane.times.length === 0 || this.labels.length === 0) return;
    const column = plane.to.findIndex((end) => x <= end);
    if (x < plane.left || y > plane.rowHeight * this.labels.length) this.leave();
    else this.read(column < 0 ? Infinity : column, Math.floor(y / plane.rowHeight));
  }

  key(name) {
    if (!this.plane || this.plane.times.length === 0 || this.labels.length === 0) return false;
    const end = this.plane.times.length - 1;
    const row = Math.max(0, this.labels.indexOf(this.cursor?.label));
    const column = this.cursor ? nearest(this.plane.times, this.cursor.t) : end;
    const started = this.cursor !== null;
    const to = {
      ArrowLeft: [started ? column - 1 : end, row],
      ArrowRight: [column + 1, row],
      ArrowUp: [column, row - 1],
      ArrowDown: [column, started ? row + 1 : row],
      PageUp: [column - 10, row],
      PageDown: [column + 10, row],
      Home: [0, row],
      End: [end, row],
    }[name];
    if (to) this.read(...to);
    return Boolean(to);
  }

  leave() {
    if (this.cursor === null) return false;
    this.cursor = null;
    this.redraw.requestDraw(this);
    return true;
  }

  summary() {
    const { times } = this.history;
    const now = this.labels.map((label) => [label, this.at(this.latest, label)]);
    const highest = now.filter(([, e]) => e).sort(([, a], [, b]) => finite(b.value) - finite(a.value)).slice(0, 3);
    const said = highest.map(([label, e]) => `${foreign(label, 60)} ${spoken(e)}`).join("; ");
    return `${this.name}, heat map of ${this.labels.length} keys at ${times.length} times from ${moment(times[0])} to `
      + `${moment(times.at(-1))}. Colours from ${number(this.shades.low)} to ${number(this.shades.high)}. `
      + `Highest now: ${said || "none"}. Read cell by cell with the arrow keys`;
  }
}

function cellsOf(point) {
  return Array.isArray(point.cells) ? point.cells.slice(0, MOST_ROWS) : [];
}

function labelOf(cell) {
  return String(cell?.label ?? "");
}

/** Where the columns of these times begin: where the last one ends, unless that is far off. */
function startsOf(times) {
  const steps = times.map((t, i) => t - times[i - 1]); // the first is NaN
  const around = (i) => Math.max(...[steps[i - 1], steps[i + 1]].filter((step) => step > 0));
  return times.map((t, i) => {
    const near = around(i); // -Infinity where there is none
    const step = near > 0 && !(steps[i] <= 3 * near) ? near : steps[i];
    return t - (step > 0 ? step : 1000);
  });
}

/** Colours between some that are given as `rgb(…)`, as pixels: alpha, blue, green, red, from the highest byte on. */
function shadesOf(stops) {
  const parts = stops.map((stop) => stop.match(/[\d.]+/g).slice(0, 3).map(Number));
  return Uint32Array.from({ length: SHADES }, (_, i) => {
    const at = (i / (SHADES - 1)) * (parts.length - 1);
    const first = Math.min(Math.floor(at), parts.length - 2);
    const [r, g, b] = parts[first].map((from, k) => Math.round(from + (parts[first + 1][k] - from) * (at - first)));
    return ((255 << 24) | (b << 16) | (g << 8) | r) >>> 0;
  });
}
