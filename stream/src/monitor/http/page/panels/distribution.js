// How values are distributed: bars for the shares in bins, the share below as a line with its band, quantiles marked.

import { element, resize, setText } from "../dom.js";
import { estimate, finite, moment, number, precise, quantile, tick } from "../format.js";
import { band, line } from "../marks.js";
import { linear, linearAxis, logarithmic, logarithmicAxis } from "../scale.js";
import { color } from "../theme.js";
import { Panel, spoken } from "./panel.js";
import { Surface } from "./surface.js";

const MOST_BINS = 200;
const LINE_HEIGHT = 14;
const BAR = "series-1";
const BELOW = "series-2";

export class DistributionPanel extends Panel {
  static shape = "wide";
  static kept = 1;

  build() {
    this.cursor = null; // the bin that is read
    this.legend = element("div", "legend", this.header);
    this.note = element("p", "distribution-note", this.body);
    this.surface = new Surface(element("div", "plot", this.body), this, () => this.redraw.requestDraw(this));
  }

  estimates(point) {
    // The ends are known better than what is between them.
    return quantilesOf(point).filter(({ q }) => q > 0 && q < 1).map((one) => one.e);
  }

  show(point) {
    this.histogram = histogramOf(point);
    const quantiles = quantilesOf(point);
    resize(this.legend, quantiles.length, legendEntry);
    quantiles.forEach(({ q, e }, i) => {
      const [name, value, interval] = this.legend.children[i].children;
      const text = estimate(e);
      setText(name, quantile(q));
      setText(value, text.value);
      setText(interval, text.interval);
    });
    const share = (part, where) => (part?.[0] > 0 ? `${percent(part[0])} ${where}` : "");
    const { edges, log } = this.histogram;
    const outside = [
      share(point.under, log ? "at zero or far below the axis" : "far below the axis"),
      share(point.over, "far above the axis"),
    ];
    const parts = ["bars: share in each bin", "line: share below"];
    const notes = [moment(point.t), `${number(finite(point.count))} values`, ...outside, ...parts];
    setText(this.note, edges.length > 1 ? notes.filter(Boolean).join(" · ") : "no finite values");
  }

  draw() {
    const size = this.surface.fit();
    if (!size || !this.histogram) return;
    this.plane = this.histogram.edges.length > 1 ? this.layout(size) : null;
    if (this.plane) {
      this.drawAxes();
      this.drawBars();
      this.drawBelow();
      this.drawQuantiles();
    }
    this.drawCursor();
    this.surface.summarize(() => this.summary());
  }

  layout({ width, height }) {
    const { edges, shares, log } = this.histogram;
    const box = { left: 44, right: width - 42, top: LINE_HEIGHT + 6, bottom: height - LINE_HEIGHT - 8 };
    const count = Math.max(2, Math.floor((box.right - box.left) / 70));
    const ends = [edges[0], edges.at(-1)];
    const x = log ? logarithmicAxis(ends, count) : linearAxis(ends, count);
    const px = (log ? logarithmic : linear)(ends, [box.left, box.right]);
    const highest = Math.max(1e-9, ...shares[0].filter((share) => share > 0));
    const y = linearAxis([0, highest], Math.max(2, Math.floor(height / 60)));
    return {
      box, x, y, at: px,
      px: edges.map(px),
      bars: linear([0, y.domain[1]], [box.bottom, box.top]),
      py: linear([0, 1], [box.bottom, box.top]),
    };
  }

  drawAxes() {
    const { box, x, y, at, bars, py } = this.plane;
    const { context: ctx } = this.surface;
    ctx.strokeStyle = color("rule");
    ctx.fillStyle = color("muted");
    ctx.lineWidth = 1;
    ctx.textBaseline = "middle";
    ctx.beginPath();
    ctx.textAlign = "right";
    for (const share of y.ticks) {
      const level = Math.round(bars(share)) + 0.5;
      ctx.moveTo(box.left, level);
      ctx.lineTo(box.right, level);
      ctx.fillText(percent(share), box.left - 6, level);
    }
    ctx.stroke();
    ctx.textAlign = "left";
    for (const below of [0, 0.5, 1]) ctx.fillText(percent(below), box.right + 6, py(below));
    ctx.textBaseline = "top";
    let free = -Infinity;
    for (const value of x.ticks) {
      const text = tick(value, x.step ?? value);
      const [centre, half] = [at(value), ctx.measureText(text).width / 2];
      if (centre < box.left - 1 || centre > box.right + 1 || centre - half < free) continue;
      this.surface.centred(text, centre, box.bottom + 6);
      free = centre + half + 6;
    }
  }

  drawBars() {
    const { box, px, bars } = this.plane;
    const { context: ctx } = this.surface;
    this.histogram.shares[0].forEach((share, i) => {
      if (!(share > 0)) return;
      const gap = px[i + 1] - px[i] >= 4 ? 1 : 0;
      ctx.fillStyle = color(i === this.cursor ? BAR : "bar");
      const top = Math.min(bars(share), box.bottom - 1);
      ctx.fillRect(px[i], top, Math.max(1, px[i + 1] - px[i] - gap), box.bottom - top);
    });
  }

  drawBelow() {
    const { below } = this.histogram;
    const { context: ctx } = this.surface;
    band(ctx, this.plane, below[1], below[2], BELOW, 0.26);
    line(ctx, this.plane, below[0], BELOW);
  }

  /** Marks the quantiles within the axis, each with its interval as a shade, and its name where there is room. */
  drawQuantiles() {
    const { box, at, px } = this.plane;
    const { context: ctx } = this.surface;
    const inside = (x) => Math.min(Math.max(at(x), box.left), box.right);
    ctx.textBaseline = "bottom";
    let free = -Infinity;
    for (const { q, e } of quantilesOf(this.latest)) {
      const [value, lower, upper] = [e?.value, e?.lower, e?.upper].map(finite);
      const x = at(value);
      if (!(q > 0 && q < 1 && x >= px[0] && x <= px.at(-1))) continue;
      if (lower < upper) {
        ctx.globalAlpha = 0.14;
        ctx.fillStyle = color("ink");
        ctx.fillRect(inside(lower), box.top, inside(upper) - inside(lower), box.bottom - box.top);
        ctx.globalAlpha = 1;
      }
      ctx.strokeStyle = color("ink");
      ctx.lineWidth = 1;
      ctx.setLineDash([3, 3]);
      ctx.beginPath();
      ctx.moveTo(Math.round(x) + 0.5, box.top);
      ctx.lineTo(Math.round(x) + 0.5, box.bottom);
      ctx.stroke();
      ctx.setLineDash([]);
      const half = ctx.measureText(quantile(q)).width / 2;
      if (x - half < free) continue;
      ctx.fillStyle = color("ink");
      this.surface.centred(quantile(q), x, box.top - 3);
      free = x + half + 5;
    }
  }

  drawCursor() {
    const { plane, cursor, histogram } = this;
    const { edges, shares, below } = histogram;
    if (!plane || cursor === null || cursor >= edges.length - 1) {
      this.surface.quiet();
      return;
    }
    const part = ([value, lower, upper], i) => [percent(value[i]), interval(lower[i], upper[i])];
    const rows = [["in this bin", ...part(shares, cursor)], ["below it", ...part(below, cursor)]];
    const title = `from ${precise(edges[cursor])} to below ${precise(edges[cursor + 1])}`;
    this.surface.tell(title, rows, plane.px[cursor + 1], plane.box.top);
  }

  read(bin) {
    const last = this.histogram.edges.length - 2;
    const to = bin === null ? null : Math.min(Math.max(bin, 0), last);
    if (to === this.cursor) return;
    this.cursor = to;
    this.redraw.requestDraw(this);
  }

  point(x) {
    if (!this.plane) return;
    const end = this.plane.px.findIndex((edge) => x < edge);
    this.read(end < 0 ? Infinity : end - 1);
  }

  key(name) {
    if (!this.plane) return false;
    const shares = this.histogram.shares[0];
    const highest = shares.indexOf(Math.max(...shares.filter((share) => share >= 0)));
    const step = (by) => (this.cursor === null ? highest : this.cursor + by);
    const to = {
      ArrowLeft: step(-1), ArrowRight: step(1), PageUp: step(-10), PageDown: step(10), Home: 0, End: Infinity,
    }[name];
    if (to !== undefined) this.read(to);
    return to !== undefined;
  }

  leave() {
    if (this.cursor === null) return false;
    this.read(null);
    return true;
  }

  summary() {
    const { edges, log } = this.histogram;
    if (edges.length < 2) return `${this.name}: no finite values`;
    const marks = quantilesOf(this.latest).map(({ q, e }) => `${quantile(q)} ${spoken(e)}`).join("; ");
    const axis = `${log ? "a logarithmic" : "a linear"} axis from ${number(edges[0])} to ${number(edges.at(-1))}`;
    return `${this.name}, distribution of ${number(finite(this.latest.count))} values on ${axis}. ${marks}. `
      + "Read bin by bin with the arrow keys";
  }
}

/** The bins of a point as columns; empty if they are not as they should be. */
function histogramOf(point) {
  const list = (x) => (Array.isArray(x) ? x : []);
  const edges = list(point.edges).slice(0, MOST_BINS).map(finite);
  const columns = (rows, length) =>
    [0, 1, 2].map((part) => Float64Array.from({ length }, (_, i) => finite(list(rows)[i]?.[part])));
  const ascending = edges.every((edge, i) => !Number.isNaN(edge) && (i === 0 || edge > edges[i - 1]));
  const log = point.logarithmic === true && edges[0] > 0;
  const usable = ascending && edges.length > 1;
  return {
    edges: usable ? edges : [], log,
    shares: columns(point.shares, Math.max(0, edges.length - 1)),
    below: columns(point.below, edges.length),
  };
}

function quantilesOf(point) {
  const quantiles = Array.isArray(point?.quantiles) ? point.quantiles : [];
  return quantiles.filter((one) => one?.q >= 0 && one.q <= 1).slice(0, 9);
}

function percent(share) {
  return Number.isNaN(share) ? "–" : `${number(Number((share * 100).toPrecision(3)))} %`;
}

function interval(lower, upper) {
  if (Number.isNaN(lower) || Number.isNaN(upper)) return "no guarantee";
  return lower === upper ? "exact" : `[${percent(lower)} – ${percent(upper)}]`;
}

function legendEntry() {
  const entry = element("p", "legend-entry distribution-entry");
  element("bdi", "legend-name", entry);
  element("b", "value", entry);
  element("span", "legend-interval", entry);
  return entry;
}
