// Charts over time on a canvas: lines with bands, or bands between neighbouring
// quantiles, with axes or as a sparkline.

import { element, setAttribute } from "./dom.js";
import { tick, timeTick } from "./format.js";
import { Hover } from "./hover.js";
import { drawLevels, widened } from "./levels.js";
import { band, last, line } from "./marks.js";
import * as scale from "./scale.js";
import { cut, span, within } from "./span.js";
import { color } from "./theme.js";
import { Zoom } from "./zoom.js";

const FONT = 11;
const LINE_HEIGHT = 14;
const SUMMARY_EVERY_MS = 5000; // a screen reader should not be talked over

// Asking an element for its style makes the browser bring all styles up to date: once is enough.
let family = null;

/**
 * A chart in the element `host`. Its model:
 *
 *     { times, series: [{ name, color, values, lower, upper }],
 *       between, reference, levels, print, moment, estimates, overlay, summary }
 *
 * where the columns are as long as `times` and hold NaN for what is absent,
 * `between` fills the space between neighbouring series, `reference` is a value
 * to draw a level line at, `levels` are those with a label, `print` and `moment` format a value and a time
 * of the tooltip, `estimates` is false for figures without an interval,
 * `overlay(ctx, plane, model)` draws upon the lines, and
 * `summary()` says in words what the chart shows. What is drawn of it is the
 * `span` that all charts show.
 */
export class Chart {
  constructor(host, { axes = true, logarithmic = false, requestDraw }) {
    this.axes = axes;
    this.logarithmic = logarithmic;
    this.host = host;
    this.canvas = element("canvas", "", host);
    this.canvas.tabIndex = 0;
    this.canvas.setAttribute("role", "img");
    this.canvas.setAttribute("aria-describedby", "chart-keys");
    this.context = this.canvas.getContext("2d");
    this.hover = new Hover(this, requestDraw);
    this.zoom = new Zoom(this, requestDraw);
    this.summarized = -Infinity;
    this.width = this.height = 0;
    // Held here, for a chart whose canvas goes also lets its observer go. It tells the size, which to ask for would
    // make the browser lay out the page between the drawing of two charts.
    this.resized = new ResizeObserver(([{ contentRect }]) => {
      ({ width: this.width, height: this.height } = contentRect);
      requestDraw();
    });
    this.resized.observe(host);
  }

  draw(whole) {
    const { width, height } = this;
    if (width === 0 || height === 0) return;
    this.fit(width, height);
    const { times } = whole;
    this.whole = times.length > 0 ? [times[0], times.at(-1)] : null;
    const model = this.whole ? this.cut(whole) : whole;
    this.model = model;
    const plane = this.whole ? this.layout(model, width, height) : null;
    this.plane = plane;
    if (plane) {
      if (this.axes) this.drawAxes(plane);
      this.drawData(plane, model);
      this.zoom.draw(this.context, plane);
    }
    this.hover.draw(this.context, plane, model);
    this.summarize(model);
  }

  /** What is in view. A sparkline has no axis to say that it shows nothing of a span: it then shows all. */
  cut(whole) {
    const shown = within(whole, span.of(whole.times));
    const isEmpty = shown.inside[0] >= shown.inside[1];
    return isEmpty && !this.axes ? within(whole, this.whole) : shown;
  }

  /** Sizes the canvas to the pixels of the device, and clears it. */
  fit(width, height) {
    const ratio = window.devicePixelRatio || 1;
    const [w, h] = [Math.round(width * ratio), Math.round(height * ratio)];
    if (this.canvas.width !== w || this.canvas.height !== h) {
      this.canvas.width = w;
      this.canvas.height = h;
    }
    const ctx = this.context;
    ctx.setTransform(w / width, 0, 0, h / height, 0, 0);
    ctx.clearRect(0, 0, width, height);
    family ??= getComputedStyle(this.canvas).fontFamily;
    ctx.font = `${FONT}px ${family}`;
    ctx.lineJoin = "bevel"; // looks as round joins do here, at half the cost
  }

  /** Axes, scales and margins; null when there is no number to draw. */
  layout(model, width, height) {
    const [first, end] = model.inside;
    const inView = (column) => (first < end ? cut(column, first, end) : column);
    const columns = (key) => model.series.map((series) => inView(series[key]));
    const reference = model.reference ? [[model.reference]] : [];
    const values = [...columns("values"), ...reference];
    const near = scale.boundedExtent(values, [...values, ...columns("lower"), ...columns("upper")]);
    if (!near) return null;
    const y = this.valueAxis(widened(near, model.levels ?? [], this.logarithmic), height);
    const labels = y.ticks.map((value) => tick(value, y.step ?? value));
    const margin = this.margins(labels);
    const box = {
      left: margin.left, right: width - margin.right,
      top: margin.top, bottom: height - margin.bottom, width,
    };
    const x = scale.timeAxis(model.domain, Math.max(2, Math.floor((box.right - box.left) / 88)));
    const across = scale.linear(x.domain, [box.left, box.right]);
    const up = y.logarithmic ? scale.logarithmic : scale.linear;
    return {
      box, labels, x, y,
      px: Float64Array.from(model.times, across), across,
      py: up(y.domain, [box.bottom, box.top]),
    };
  }

  valueAxis(range, height) {
    if (!this.axes) return scale.tightAxis(range);
    if (this.logarithmic) {
      const axis = scale.logarithmicAxis(range, Math.max(3, Math.floor(height / 34)));
      if (axis) return { ...axis, logarithmic: true };
    }
    return scale.linearAxis(range, Math.max(2, Math.floor(height / 48)));
  }

  margins(labels) {
    if (!this.axes) return { left: 3, right: 5, top: 5, bottom: 4 };
    const widest = Math.max(...labels.map((label) => this.context.measureText(label).width));
    // One width for nearly all charts, so that they line up in their column.
    return { left: Math.max(42, Math.ceil(widest) + 10), right: 12, top: 8, bottom: 2 * LINE_HEIGHT + 8 };
  }

  drawAxes({ box, labels, x, y, across, py }) {
    const ctx = this.context;
    ctx.strokeStyle = color("rule");
    ctx.fillStyle = color("muted");
    ctx.lineWidth = 1;
    ctx.textBaseline = "middle";
    ctx.textAlign = "right";
    ctx.beginPath();
    y.ticks.forEach((value, i) => {
      const at = Math.round(py(value)) + 0.5;
      ctx.moveTo(box.left, at);
      ctx.lineTo(box.right, at);
      ctx.fillText(labels[i], box.left - 8, at);
    });
    ctx.stroke();

    ctx.textAlign = "center";
    ctx.textBaseline = "top";
    let context = null;
    for (const t of x.ticks) {
      const [fine, coarse] = timeTick(t, x.step);
      this.centred(fine, across(t), box.bottom + 6, box);
      if (coarse !== context) this.centred(coarse, across(t), box.bottom + 6 + LINE_HEIGHT, box);
      context = coarse;
    }
  }

  /** Text centred on `x`, moved where it would leave the canvas. */
  centred(text, x, y, box) {
    const half = this.context.measureText(text).width / 2;
    this.context.fillText(text, Math.min(Math.max(x, half + 1), box.width - half - 1), y);
  }

  drawData(plane, model) {
    const ctx = this.context;
    const { box } = plane;
    ctx.save();
    ctx.beginPath();
    ctx.rect(box.left - 2, box.top - 4, box.right - box.left + 7, box.bottom - box.top + 7);
    ctx.clip();
    if (model.between) {
      for (let i = 1; i < model.series.length; i += 1) {
        band(ctx, plane, model.series[i - 1].values, model.series[i].values, model.series[i].color, 0.13);
      }
    }
    for (const series of model.series) {
      band(ctx, plane, series.lower, series.upper, series.color, 0.26);
    }
    for (const series of model.series) line(ctx, plane, series.values, series.color);
    if (model.reference) this.drawReference(plane, model.reference);
    if (model.levels?.length > 0) drawLevels(ctx, plane, model.levels, this.axes);
    if (model.current) for (const series of model.series) last(ctx, plane, series);
    model.overlay?.(ctx, plane, model);
    ctx.restore();
    if (model.inside[0] >= model.inside[1] && !model.crossed) this.sayNothing(plane);
  }

  /** Nothing drawn could be taken for zero. */
  sayNothing({ box }) {
    const ctx = this.context;
    ctx.fillStyle = color("muted");
    ctx.textAlign = "center";
    ctx.textBaseline = "middle";
    ctx.fillText("no data in this span", (box.left + box.right) / 2, (box.top + box.bottom) / 2);
  }

  drawReference({ box, py }, value) {
    const ctx = this.context;
    const at = Math.round(py(value)) + 0.5;
    ctx.strokeStyle = color("limit");
    ctx.lineWidth = 1;
    ctx.setLineDash([4, 4]);
    ctx.beginPath();
    ctx.moveTo(box.left, at);
    ctx.lineTo(box.right, at);
    ctx.stroke();
    ctx.setLineDash([]);
  }

  summarize(model) {
    const now = performance.now();
    if (now - this.summarized < SUMMARY_EVERY_MS) return;
    if (model.times.length > 0) this.summarized = now;
    setAttribute(this.canvas, "aria-label", model.summary());
  }
}
