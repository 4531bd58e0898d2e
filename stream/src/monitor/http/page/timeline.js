// A chart over the batches of a job: lines over time, and how often each value
// came, beside it on the same axis.

import { card } from "./card.js";
import { Chart } from "./chart.js";
import { element, resize, setAttribute, setText } from "./dom.js";
import { clock, finite, foreign, number } from "./format.js";
import { color, seriesColor } from "./theme.js";

const BINS = 12;
const absent = "–";

/**
 * A card of one or several series. Its spec: `title`, `unit`, `print` for a
 * value, `series: [{ name, read(point) }]`, and may have `limit(point)` for a
 * dashed line, `histogram: true` for the distribution of the first series, and
 * `note(points)` for the line under the title.
 */
export class Timeline {
  constructor(parent, spec, redraw) {
    this.spec = spec;
    this.redraw = redraw;
    this.points = [];
    Object.assign(this, card("job-chart", spec.title));
    parent.append(this.root);
    this.key = element("div", "series-key", this.header);
    const body = element("div", "body timeline", this.root);
    this.plot = new Chart(element("div", "plot", body), { requestDraw: () => redraw.requestDraw(this) });
    this.distribution = spec.histogram ? new Histogram(element("div", "histogram", body)) : null;
    redraw.add(this);
  }

  /** Shows these points, `{ t, … }` in the order of their times. */
  show(points) {
    this.points = points;
    this.redraw.request(this);
  }

  refresh() {
    const { spec, points } = this;
    setText(this.contract, [spec.unit, spec.note?.(points) ?? this.spread()].filter(Boolean).join(" · "));
    const latest = points.at(-1);
    resize(this.key, spec.series.length, keyEntry);
    spec.series.forEach(({ name, read }, i) => {
      const [swatch, label, value] = this.key.children[i].children;
      swatch.style.background = `var(--${seriesColor(i)})`;
      swatch.hidden = spec.series.length === 1;
      setText(label, spec.series.length === 1 ? "" : foreign(name, 40));
      setText(value, latest ? spec.print(finite(read(latest))) : absent);
    });
  }

  /** The median and the upper end of the first series, in words. */
  spread() {
    if (!this.spec.histogram) return "";
    const sorted = this.values(0).filter((value) => !Number.isNaN(value)).sort();
    if (sorted.length === 0) return "";
    const at = (share) => this.spec.print(sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))]);
    return `median ${at(0.5)} · 95\u00a0% up to ${at(0.95)} · most ${at(1)}`;
  }

  values(series) {
    return Float64Array.from(this.points, (point) => finite(this.spec.series[series].read(point)));
  }

  draw() {
    const { spec, points } = this;
    const none = new Float64Array(points.length).fill(NaN);
    const latest = points.at(-1);
    const reference = latest && spec.limit ? finite(spec.limit(latest)) : NaN;
    const series = spec.series.map(({ name }, i) => ({
      name: foreign(name ?? spec.title, 60), color: seriesColor(i), values: this.values(i), lower: none, upper: none,
    }));
    this.plot.draw({
      times: points.map((point) => point.t),
      series,
      estimates: false,
      reference: reference > 0 ? reference : null,
      print: spec.print,
      moment: (t) => `${clock(t, 1)} UTC`,
      summary: () => `${this.name}, ${points.length} batches. Latest: ${this.spoken(series)}`,
    });
    // What the chart has in view.
    this.distribution?.draw(this.plot.plane, this.plot.model?.series[0] ?? series[0], `${this.name} by number of batches. ${this.spread()}`);
  }

  spoken(series) {
    return series.map(({ name, values }) => `${name} ${this.spec.print(values.at(-1) ?? NaN)}`).join(", ");
  }
}

function keyEntry() {
  const entry = element("p", "series-entry");
  element("i", "swatch", entry);
  element("bdi", "series-name", entry);
  element("b", "series-value", entry);
  return entry;
}

/** Bars that grow to the right, at the height of the values on the chart beside them. */
class Histogram {
  constructor(host) {
    this.host = host;
    this.canvas = element("canvas", "", host);
    this.canvas.setAttribute("role", "img");
    this.context = this.canvas.getContext("2d");
  }

  draw(plane, series, summary) {
    const { clientWidth: width, clientHeight: height } = this.host;
    if (width === 0 || height === 0) return;
    const ratio = window.devicePixelRatio || 1;
    this.canvas.width = Math.round(width * ratio);
    this.canvas.height = Math.round(height * ratio);
    const ctx = this.context;
    ctx.setTransform(ratio, 0, 0, ratio, 0, 0);
    setAttribute(this.canvas, "aria-label", summary);
    if (!plane) return;
    const [low, high] = plane.y.domain;
    const counts = histogram(series.values, low, high);
    const most = Math.max(...counts);
    const { top, bottom } = plane.box;
    const step = (bottom - top) / BINS;
    ctx.strokeStyle = color("rule");
    ctx.beginPath();
    ctx.moveTo(0.5, top);
    ctx.lineTo(0.5, bottom);
    ctx.stroke();
    ctx.fillStyle = color("series-1");
    counts.forEach((count, bin) => {
      const length = most > 0 ? (count / most) * (width - 6) : 0;
      // A single batch must be seen among a thousand.
      if (count > 0) ctx.fillRect(1, bottom - (bin + 1) * step + 1, Math.max(2, length), step - 2);
    });
    ctx.font = `11px ${getComputedStyle(this.canvas).fontFamily}`;
    ctx.fillStyle = color("muted");
    ctx.textAlign = "right";
    ctx.textBaseline = "top";
    ctx.fillText(number(most), width - 2, bottom + 6);
    ctx.fillText("batches", width - 2, bottom + 20);
  }
}

/** How many values lie in each of the bins between two ends. */
function histogram(values, low, high) {
  const counts = new Array(BINS).fill(0);
  for (const value of values) {
    if (!(value >= low && value <= high)) continue; // as NaN is not
    const bin = Math.floor(((value - low) / (high - low)) * BINS);
    counts[Math.min(bin, BINS - 1)] += 1;
  }
  return counts;
}
