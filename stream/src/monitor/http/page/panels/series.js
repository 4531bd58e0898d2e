// Charts over time of one or several named series: lines with bands, quantiles.

import { element, resize, setAttribute, setText } from "../dom.js";
import { estimate, foreign, quantile } from "../format.js";
import { seriesColor } from "../theme.js";
import { TimeSeries } from "../timeseries.js";
import { Panel, spoken } from "./panel.js";

const MOST_SERIES = 8;

/**
 * A chart of named series. Subclasses say which series a point holds; a name
 * keeps its place, hence its colour, for as long as the panel lives.
 */
export class SeriesPanel extends Panel {
  static shape = "wide";

  build() {
    this.names = [];
    this.columns = new TimeSeries((point) => this.entries(point));
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
    for (const name of this.names) this.columns.add(name);
  }

  ordered(names) {
    return names;
  }

  estimates(point) {
    return this.entries(point).map(([, e]) => e);
  }

  named(point) {
    const several = this.names.length > 1;
    return this.entries(point).map(([name, e]) => [several ? this.label(name) : "", e]);
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
    this.columns.sync(this.history.points);
    this.plot.draw({
      times: this.columns.times,
      series: this.names.map((name, i) => this.columns.of(name, this.label(name), seriesColor(i))),
      between: this.between,
      levels: this.levels,
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

export class LinePanel extends SeriesPanel {
  entries(point) {
    if (!Array.isArray(point.series)) return [["", point.e]];
    return point.series.map((one) => [String(one?.name ?? ""), one?.e]);
  }

  label(name) {
    return name === "" ? this.name : foreign(name, 60);
  }
}

export class QuantilesPanel extends SeriesPanel {
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
