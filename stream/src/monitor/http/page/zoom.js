// Zooming a chart, and with it all others: by a drag across it, or with keys.

import { span } from "./span.js";
import { color } from "./theme.js";

const DRAG = 6; // pixels that make a drag of a click

export class Zoom {
  constructor(chart, requestDraw) {
    this.chart = chart;
    this.requestDraw = requestDraw;
    this.started = null; // where the pointer went down
    this.ended = null; // where it has been dragged to
    const { canvas } = chart;
    canvas.addEventListener("pointerdown", (event) => this.start(event));
    canvas.addEventListener("pointermove", (event) => this.drag(event));
    canvas.addEventListener("pointerup", () => this.finish());
    canvas.addEventListener("pointercancel", () => this.give());
    canvas.addEventListener("dblclick", () => span.unzoom());
    canvas.addEventListener("keydown", (event) => this.key(event));
  }

  start({ button, offsetX }) {
    if (button === 0 && this.chart.plane) this.started = offsetX;
  }

  drag({ offsetX, pointerId }) {
    if (this.started === null) return;
    if (this.ended === null) {
      if (Math.abs(offsetX - this.started) < DRAG) return;
      // From here on the pointer may leave the chart.
      this.chart.canvas.setPointerCapture(pointerId);
    }
    this.ended = offsetX;
    this.requestDraw();
  }

  finish() {
    const { started, ended } = this;
    this.give();
    if (ended === null || !this.chart.plane) return;
    const times = [started, ended].sort((a, b) => a - b).map((x) => this.timeAt(x));
    span.zoomTo(...times);
  }

  give() {
    this.started = this.ended = null;
    this.requestDraw();
  }

  timeAt(x) {
    const { box, x: axis } = this.chart.plane;
    const share = Math.min(Math.max((x - box.left) / (box.right - box.left), 0), 1);
    return axis.domain[0] + share * (axis.domain[1] - axis.domain[0]);
  }

  key(event) {
    const { plane, whole } = this.chart;
    if (!plane || event.ctrlKey || event.altKey || event.metaKey || event.defaultPrevented) return;
    const [low, high] = plane.x.domain;
    const length = high - low;
    const middle = this.chart.hover.time ?? (low + high) / 2;
    const around = (factor) => {
      const start = middle - (middle - low) * factor;
      return this.to(start, start + length * factor, whole);
    };
    const acts = {
      "+": () => around(0.5),
      "=": () => around(0.5),
      "-": () => around(2),
      "0": () => span.unzoom(),
    };
    if (event.shiftKey) {
      acts.ArrowLeft = () => this.move(low, length, -length / 4, whole);
      acts.ArrowRight = () => this.move(low, length, length / 4, whole);
    }
    if (span.zoom) acts.Escape = () => span.unzoom();
    if (!acts[event.key]) return;
    event.preventDefault();
    acts[event.key]();
  }

  /** Zooms to a span, cut to what there is; all of it is no zoom. */
  to(start, end, [first, last]) {
    if (start <= first && end >= last) span.unzoom();
    else if (end > first && start < last) span.zoomTo(Math.max(start, first), Math.min(end, last));
  }

  move(low, length, by, [first, last]) {
    const start = Math.min(Math.max(low + by, first), Math.max(first, last - length));
    if (start !== low || span.zoom) this.to(start, start + length, [first, last]);
  }

  /** The stretch that a drag has chosen so far. */
  draw(ctx, { box }) {
    if (this.ended === null) return;
    const inside = (x) => Math.min(Math.max(x, box.left), box.right);
    const [low, high] = [this.started, this.ended].map(inside).sort((a, b) => a - b);
    ctx.globalAlpha = 0.18;
    ctx.fillStyle = color("focus");
    ctx.fillRect(low, box.top - 4, high - low, box.bottom - box.top + 4);
    ctx.globalAlpha = 1;
  }
}
