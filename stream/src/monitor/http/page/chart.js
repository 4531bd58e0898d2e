// Charts over time on a canvas: lines with bands, or bands between neighbouring
// quantiles, with axes or as a sparkline.

import { element, setAttribute } from "./dom.js";
import { tick, timeTick } from "./format.js";
import { Hover } from "./hover.js";
import { band, last, line } from "./marks.js";
import * as scale from "./scale.js";
import { color } from "./theme.js";

const FONT = 11;
const LINE_HEIGHT = 14;
const SUMMARY_EVERY_MS = 5000; // a screen reader should not be talked over

/**
 * A chart in the element `host`. Its model:
 *
 *     { times, series: [{ name, color, values, lower, upper }],
 *       between, reference, print, moment, estimates, overlay, summary }
 *
 * where the columns are as long as `times` and hold NaN for what is absent,
 * `between` fills the space between neighbouring series, `reference` is a value
 * to draw a level line at, `print` and `moment` format a value and a time
 * of the tooltip, `estimates` is false for figures without an interval,
 * `overlay(ctx, plane, model)` draws upon the lines, and
 * `summary()` says in words what the chart shows.
 */
export class Chart {
  constructor(host, { axes = true, logarithmic = false, requestDraw }) {
    this.axes = axes;
    this.logarithmic = logarithmic;
    this.host = host;
    this.canvas = element("canvas", "", host);
    this.canvas.tabIndex = 0;
    this.canvas.setAttribute("role", "img");
    this.context = this.canvas.getContext("2d");
    this.hover = new Hover(this, requestDraw);
    this.summarized = -Infinity;
    // Held here, for a chart whose canvas goes also lets its observer go.
    this.resized = new ResizeObserver(requestDraw);
    this.resized.observe(host);
  }

  draw(model) {
    const width = this.host.clientWidth;
    const height = this.host.clientHeight;
    if (width === 0 || height === 0) return;
    this.fit(width, height);
    this.model = model;
    const plane = model.times.length > 0 ? this.layout(model, width, height) : null;
    this.plane = plane;
    if (plane) {
      if (this.axes) this.drawAxes(plane);
      this.drawData(plane, model);
    }
    this.hover.draw(this.context, plane, model);
    this.summarize(model);
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
    ctx.font = `${FONT}px ${getComputedStyle(this.canvas).fontFamily}`;
    ctx.lineJoin = "bevel"; // looks as round joins do here, at half the cost
  }

  /** Axes, scales and margins; null when there is no number to draw. */
  layout(model, width, height) {
    const columns = (key) => model.series.map((series) => series[key]);
    const reference = model.reference ? [[model.reference]] : [];
    const values = [...columns("values"), ...reference];
    const range = scale.boundedExtent(values, [...values, ...columns("lower"), ...columns("upper")]);
    if (!range) return null;
    const y = this.valueAxis(range, height);
    const labels = y.ticks.map((value) => tick(value, y.step ?? value));
    const margin = this.margins(labels);
    const box = {
      left: margin.left, right: width - margin.right,
      top: margin.top, bottom: height - margin.bottom, width,
    };
    const span = [model.times[0], model.times.at(-1)];
    const x = scale.timeAxis(span, Math.max(2, Math.floor((box.right - box.left) / 88)));
    const across = scale.linear(x.domain, [box.left, box.right]);
    const up = y.logarithmic ? scale.logarithmic : scale.linear;
    return {
      box, labels, x, y,
      px: model.times.map(across), across,
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
    for (const series of model.series) last(ctx, plane, series);
    model.overlay?.(ctx, plane, model);
    ctx.restore();
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
