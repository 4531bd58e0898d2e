// Reading a chart point by point: a crosshair that follows the pointer or the
// arrow keys, and a tooltip with the exact numbers under it.

import { element, resize, setText } from "./dom.js";
import { moment, precise, preciseInterval } from "./format.js";
import { crosshair } from "./marks.js";
import { nearest } from "./scale.js";
import { cut } from "./span.js";

export class Hover {
  constructor(chart, requestDraw) {
    this.chart = chart;
    this.requestDraw = requestDraw;
    this.time = null; // the time read at, which stays on its point as data arrive
    this.speak = false; // whether the next reading is to be said
    this.tooltip = element("div", "tooltip", chart.host);
    this.tooltip.hidden = true;
    this.when = element("p", "when", this.tooltip);
    this.rows = element("div", "readings", this.tooltip);

    const { canvas } = chart;
    canvas.addEventListener("pointermove", (event) => this.point(event.offsetX));
    canvas.addEventListener("pointerdown", (event) => this.point(event.offsetX));
    canvas.addEventListener("pointerleave", () => this.read(null));
    canvas.addEventListener("blur", () => this.read(null));
    canvas.addEventListener("keydown", (event) => this.key(event));
  }

  read(time) {
    if (time === this.time) return;
    this.time = time;
    this.requestDraw();
  }

  point(x) {
    const { plane, model } = this.chart;
    if (!plane) return;
    const times = inView(model);
    const at = cut(plane.px, ...model.inside);
    if (times.length > 0) this.read(times[nearest(at, x)]);
  }

  key(event) {
    if (event.shiftKey || event.ctrlKey || event.altKey || event.metaKey) return;
    const times = this.chart.plane ? inView(this.chart.model) : [];
    if (times.length === 0) return;
    const end = times.length - 1;
    const at = this.time === null ? end : nearest(times, this.time);
    const to = {
      ArrowLeft: this.time === null ? end : at - 1,
      ArrowRight: at + 1,
      PageUp: at - 10,
      PageDown: at + 10,
      Home: 0,
      End: end,
    }[event.key];
    if (event.key === "Escape" && this.time !== null) {
      event.preventDefault();
      this.read(null);
    }
    if (to === undefined) return;
    event.preventDefault();
    this.read(times[Math.min(Math.max(to, 0), end)]);
    this.speak = true;
  }

  draw(ctx, plane, model) {
    const times = plane && this.time !== null ? inView(model) : [];
    const shown = times.length > 0 && this.time >= model.domain[0] && this.time <= model.domain[1];
    this.tooltip.hidden = !shown;
    if (!shown) return;
    const i = model.inside[0] + nearest(times, this.time);
    crosshair(ctx, plane, model.series, i);
    this.fill(model, i);
    this.place(plane, i);
    if (this.speak) this.say();
  }

  /** What was asked for by a key is said; a pointer would say too much. */
  say() {
    this.speak = false;
    const rows = Array.from(this.rows.children, (row) => Array.from(row.children, (part) => part.textContent).join(" "));
    setText(document.getElementById("spoken"), [this.when.textContent, ...rows].join("; "));
  }

  fill(model, i) {
    const print = model.print ?? precise;
    setText(this.when, (model.moment ?? moment)(model.times[i]));
    // The highest line first, as on the chart.
    const series = model.between ? [...model.series].reverse() : model.series;
    resize(this.rows, series.length, reading);
    series.forEach(({ name, color, values, lower, upper }, row) => {
      const [swatch, label, value, bounds] = this.rows.children[row].children;
      swatch.style.background = `var(--${color})`;
      setText(label, name);
      setText(value, print(values[i]));
      setText(bounds, model.estimates === false ? "" : preciseInterval(lower[i], upper[i]));
    });
  }

  /** Beside the crosshair, on the side with more room, within the page. */
  place(plane, i) {
    const x = plane.px[i];
    const width = this.tooltip.offsetWidth;
    const host = this.chart.host.getBoundingClientRect();
    const beside = x > host.width / 2 ? x - width - 12 : x + 12;
    const rightmost = document.documentElement.clientWidth - host.left - width - 8;
    const left = Math.max(Math.min(beside, rightmost), 8 - host.left);
    this.tooltip.style.transform = `translateX(${Math.round(left)}px)`;
  }
}

/** The times of the points in view. */
function inView({ times, inside }) {
  return cut(times, ...inside);
}

function reading() {
  const row = element("p", "reading");
  element("i", "swatch", row);
  element("bdi", "reading-name", row);
  element("b", "reading-value", row);
  element("span", "reading-bounds", row);
  return row;
}
