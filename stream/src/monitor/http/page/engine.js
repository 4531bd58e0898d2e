// The engine's own strip: how fast it reads, whether it keeps up, what it
// had to leave out, and how far event time has come.

import { card, Reading } from "./card.js";
import { Chart } from "./chart.js";
import { element, resize, setText } from "./dom.js";
import { clock, date, duration, finite, foreign, isTime, moment, number } from "./format.js";
import { History } from "./history.js";
import { seriesColor } from "./theme.js";

const MOST_SOURCES = 24; // shown; all of them are counted

/**
 * The gauges. `read` takes the value out of a point, `print` formats it,
 * `detail` is the line under it, `note` the small print under the title, and
 * `limit` a value it should not pass, at which the chart has a line unless
 * `level` is false.
 */
const GAUGES = [
  {
    key: "rate",
    title: "Input rate",
    note: "records/s, all sources",
    read: (point) => point.rate,
    print: number,
    detail: (point) => {
      const total = sources(point).reduce((sum, source) => sum + (finite(source?.records) || 0), 0);
      return `${number(total)} read so far`;
    },
  },
  {
    key: "processing",
    title: "Processing time",
    note: (point) => {
      const interval = batchInterval(point);
      return interval ? `dashed: interval ${duration(interval)}` : "of the latest batch";
    },
    read: (point) => point.processing_ms,
    print: duration,
    detail: (point) => {
      const interval = batchInterval(point);
      if (!interval) return "no batch interval";
      const share = (finite(point.processing_ms) / interval) * 100;
      return `${share < 1 ? "< 1" : number(share, 0)} % of the interval`;
    },
    limit: batchInterval,
  },
  {
    key: "delay",
    title: "Scheduling delay",
    note: "how late batches start",
    read: (point) => point.delay_ms,
    print: duration,
    detail: (point) => {
      const interval = batchInterval(point);
      if (!interval) return "no batch interval";
      if (finite(point.sampled) < 1) return `sampled ${number(point.sampled * 100, 0)} %`;
      return finite(point.delay_ms) > interval ? "falling behind" : "keeping up";
    },
    limit: batchInterval,
    level: false,
  },
  {
    key: "late",
    title: "Late records",
    note: "behind the watermark",
    read: (point) => point.late,
    print: number,
    detail: () => "since the start",
  },
  {
    key: "malformed",
    title: "Malformed",
    note: "could not be parsed",
    read: (point) => point.malformed,
    print: number,
    detail: () => "since the start",
  },
  {
    key: "watermark",
    title: "Watermark",
    note: "event time so far",
    read: (point) => (isTime(point.watermark) ? point.watermark : NaN),
    print: (t) => (isTime(t) ? clock(t) : "–"),
    precise: moment,
    detail: (point) => (isTime(point.watermark) ? `${date(point.watermark)}, UTC` : "none yet"),
  },
];

/** The batch interval; null for a job without batches. */
function batchInterval(point) {
  const value = finite(point.interval_ms);
  return value > 0 ? value : null;
}

function sources(point) {
  return Array.isArray(point.sources) ? point.sources : [];
}

class Gauge {
  constructor(spec, history, redraw) {
    Object.assign(this, { spec, history });
    Object.assign(this, card("gauge narrow", spec.title));
    this.root.dataset.engine = spec.key;
    this.showNote(null);
    const body = element("div", "body", this.root);
    this.reading = new Reading(body);
    this.plot = new Chart(element("div", "plot", body), {
      axes: false,
      requestDraw: () => redraw.requestDraw(this),
    });
  }

  refresh() {
    const { latest } = this.history;
    if (!latest) {
      this.reading.show("–", "waiting for data");
      return;
    }
    const { read, print, detail, limit } = this.spec;
    const value = finite(read(latest));
    this.reading.show(print(value), detail(latest));
    this.showNote(latest);
    this.root.classList.toggle("is-over", Boolean(limit?.(latest)) && value > limit(latest));
  }

  showNote(latest) {
    const { note } = this.spec;
    setText(this.contract, typeof note === "string" ? note : note(latest ?? {}));
  }

  draw() {
    const { points, times, latest } = this.history;
    const { read, print, precise, limit, level = true } = this.spec;
    const values = Float64Array.from(points, (point) => finite(read(point)));
    const none = new Float64Array(points.length).fill(NaN);
    this.plot.draw({
      times,
      series: [{ name: this.name, color: seriesColor(0), values, lower: none, upper: none }],
      estimates: false, // the engine's own figures are counts, not estimates
      reference: latest && level ? limit?.(latest) : null,
      print: precise ?? print,
      moment: (t) => `${clock(t, 1)} UTC`,
      summary: () => `${this.name}, ${points.length} points. Latest ${print(values.at(-1))}`,
    });
  }
}

export class Engine {
  constructor(strip, list, redraw) {
    this.history = new History();
    this.list = list;
    this.redraw = redraw;
    this.gauges = GAUGES.map((spec) => new Gauge(spec, this.history, redraw));
    strip.replaceChildren(...this.gauges.map((gauge) => gauge.root));
    this.list.replaceChildren();
    for (const gauge of this.gauges) redraw.add(gauge);
  }

  add(points) {
    if (!Array.isArray(points) || points.length === 0) return;
    this.history.add(points);
    for (const gauge of this.gauges) this.redraw.request(gauge);
    this.showSources();
  }

  showSources() {
    const shown = sources(this.history.latest ?? {}).slice(0, MOST_SOURCES);
    resize(this.list, shown.length, sourceEntry);
    shown.forEach((source, i) => {
      const entry = this.list.children[i];
      const [name, records, state] = entry.children;
      setText(name, foreign(source?.name, 80));
      setText(records, `${number(finite(source?.records))} records`);
      setText(state, source?.finished ? "finished" : "reading");
      entry.classList.toggle("is-finished", Boolean(source?.finished));
    });
  }
}

function sourceEntry() {
  const entry = element("li", "source");
  element("bdi", "source-name", entry);
  element("span", "source-records", entry);
  element("span", "source-state", entry);
  return entry;
}
