// One renderer for each kind of panel.

import { card, commonContract, Reading, series } from "./card.js";
import { Chart } from "./chart.js";
import { element, resize, setAttribute, setText } from "./dom.js";
import { estimate, finite, foreign, moment, quantile } from "./format.js";
import { History } from "./history.js";
import { seriesColor } from "./theme.js";

const MOST_SERIES = 8;
const MOST_ROWS = 100;

/** What all panels have: a card, a bounded history, and a word while it is empty. */
class Panel {
  constructor(spec, redraw) {
    this.unit = spec.unit;
    this.history = new History(this.constructor.kept);
    this.redraw = redraw;
    Object.assign(this, card(`panel ${this.constructor.shape}`, spec.title, spec.unit));
    this.root.dataset.panel = spec.id;
    this.root.dataset.kind = spec.kind;
    this.body = element("div", "body", this.root);
    this.waiting = element("p", "waiting", this.root);
    setText(this.waiting, "Waiting for data");
    this.build();
    this.add(spec.points);
  }

  chart(options) {
    const requestDraw = () => this.redraw.requestDraw(this);
    return new Chart(element("div", "plot", this.body), { ...options, requestDraw });
  }

  add(points) {
    this.accept(this.history.add(points));
    this.redraw.request(this);
  }

  accept() {}

  get latest() {
    return this.history.latest;
  }

  refresh() {
    const { latest } = this;
    this.root.classList.toggle("is-empty", !latest);
    if (!latest) return;
    const contract = commonContract(this.estimates(latest));
    setText(this.contract, contract);
    setAttribute(this.contract, "title", contract);
    this.show(latest);
  }

  /** The span of the history in words, for the summary of a chart. */
  span() {
    const { points } = this.history;
    if (points.length === 0) return `${this.name}: waiting for data`;
    return `${this.name}, ${points.length} points from ${moment(points[0].t)} to ${moment(points.at(-1).t)}`;
  }

  draw() {}
}

/** A number of the present, with a sparkline of its past. */
class NumberPanel extends Panel {
  static shape = "narrow";

  build() {
    this.reading = new Reading(this.body, this.unit);
    this.plot = this.chart({ axes: false });
  }

  estimates(point) {
    return [point.e];
  }

  show(point) {
    this.reading.estimate(point.e);
  }

  draw() {
    const { points, times } = this.history;
    this.plot.draw({
      times,
      series: [series(this.name, seriesColor(0), points.map((point) => point.e))],
      summary: () => `${this.span()}. Latest ${spoken(this.latest?.e)}`,
    });
  }
}

/**
 * A chart of named series. Subclasses say which series a point holds; a name
 * keeps its place, hence its colour, for as long as the panel lives.
 */
class SeriesPanel extends Panel {
  static shape = "wide";

  build() {
    this.names = [];
    this.legend = element("div", "legend", this.header);
    this.plot = this.chart(this.options);
  }

  get options() {
    return {};
  }

  accept(points) {
    const known = new Set(this.names);
    for (const point of points) {
      for (const [name] of this.entries(point)) known.add(name);
    }
    this.names = this.ordered([...known].slice(0, MOST_SERIES));
  }

  ordered(names) {
    return names;
  }

  estimates(point) {
    return this.entries(point).map(([, e]) => e);
  }

  show(point) {
    const now = new Map(this.entries(point));
    const single = this.names.length === 1;
    this.legend.classList.toggle("is-single", single);
    resize(this.legend, this.names.length, legendEntry);
    this.names.forEach((name, i) => {
      const [swatch, label, value, interval] = this.legend.children[i].children;
      const text = estimate(now.get(name));
      swatch.style.background = `var(--${seriesColor(i)})`;
      setText(label, single ? "" : this.label(name));
      setAttribute(label, "title", this.label(name));
      setText(value, text.value);
      setText(interval, text.interval);
    });
  }

  draw() {
    const { points, times } = this.history;
    const rows = points.map((point) => new Map(this.entries(point)));
    this.plot.draw({
      times,
      series: this.names.map((name, i) =>
        series(this.label(name), seriesColor(i), rows.map((row) => row.get(name)))),
      between: this.between,
      summary: () => `${this.span()}. Latest: ${this.spokenLatest()}`,
    });
  }

  spokenLatest() {
    if (!this.latest) return "none";
    return this.entries(this.latest)
      .slice(0, MOST_SERIES)
      .map(([name, e]) => `${this.label(name)} ${spoken(e)}`)
      .join("; ");
  }
}

class LinePanel extends SeriesPanel {
  entries(point) {
    if (!Array.isArray(point.series)) return [["", point.e]];
    return point.series.map((one) => [String(one?.name ?? ""), one?.e]);
  }

  label(name) {
    return name === "" ? this.name : foreign(name, 60);
  }
}

class QuantilesPanel extends SeriesPanel {
  get options() {
    return { logarithmic: true };
  }

  get between() {
    return true;
  }

  entries(point) {
    const quantiles = Array.isArray(point.quantiles) ? point.quantiles : [];
    return quantiles.filter((one) => one?.q >= 0 && one.q <= 1).map((one) => [one.q, one.e]);
  }

  ordered(names) {
    return names.sort((a, b) => a - b);
  }

  label(q) {
    return quantile(q);
  }
}

function legendEntry() {
  const entry = element("p", "legend-entry");
  element("i", "swatch", entry);
  element("bdi", "legend-name", entry);
  element("b", "value", entry);
  element("span", "legend-interval", entry);
  return entry;
}

/** The latest ranking: a bar for each row, with a whisker for its interval. */
class TopPanel extends Panel {
  static shape = "wide";
  static kept = 1;

  build() {
    this.list = element("ol", "ranking", this.body);
    this.list.tabIndex = 0; // it scrolls, so the keyboard must reach it
    this.list.setAttribute("aria-label", this.name);
    this.when = element("p", "as-of", this.header);
  }

  rows(point) {
    return Array.isArray(point.rows) ? point.rows.slice(0, MOST_ROWS) : [];
  }

  estimates(point) {
    return this.rows(point).map((row) => row?.e);
  }

  show(point) {
    const rows = this.rows(point);
    setText(this.when, moment(point.t));
    const { values, upper } = series("", "", this.estimates(point));
    const longest = longestBar(values, upper);
    resize(this.list, rows.length, rankingRow);
    rows.forEach((row, i) => showRow(this.list.children[i], row, longest));
  }
}

/** The value a full bar stands for; a useless bound may not shrink the bars. */
function longestBar(values, upper) {
  const finest = (column) => column.reduce((most, x) => (x > most ? x : most), 0);
  const value = finest(values);
  return Math.min(Math.max(value, finest(upper)), value * 2) || 1;
}

function rankingRow() {
  const row = element("li", "row");
  element("bdi", "label", row);
  const bar = element("span", "bar", row);
  element("i", "fill", bar);
  element("i", "whisker", bar);
  element("b", "value", row);
  element("span", "row-interval", row);
  return row;
}

function showRow(node, row, longest) {
  const [label, bar, value, interval] = node.children;
  const [fill, whisker] = bar.children;
  const text = estimate(row?.e);
  const shown = foreign(row?.label);
  setText(label, shown);
  setAttribute(label, "title", shown);
  setText(value, text.value);
  setText(interval, text.interval);

  const share = (x) => Math.min(Math.max(x / longest, 0), 1) * 100;
  const [x, low, high] = [row?.e?.value, row?.e?.lower, row?.e?.upper].map(finite);
  fill.style.width = `${Number.isNaN(x) ? 0 : share(x)}%`;
  whisker.hidden = !(low < high);
  if (whisker.hidden) return;
  whisker.style.left = `${share(low)}%`;
  whisker.style.width = `${share(high) - share(low)}%`;
}

/** A panel of a kind this page does not know: said, rather than left out. */
class UnknownPanel extends Panel {
  static shape = "wide";

  build() {
    setText(this.waiting, "This page cannot show this kind of panel");
  }

  refresh() {
    this.root.classList.add("is-empty");
  }
}

function spoken(e) {
  const { value, interval } = estimate(e);
  return `${value}, ${interval}`;
}

const KINDS = new Map([
  ["number", NumberPanel],
  ["line", LinePanel],
  ["quantiles", QuantilesPanel],
  ["top", TopPanel],
]);

/** The view of a panel, from its description in the snapshot. */
export function createPanel(spec, redraw) {
  const Kind = KINDS.get(spec.kind) ?? UnknownPanel;
  return new Kind(spec, redraw);
}
