// The charts of the page of the engine, all over the same batches: Spark's
// four, what each source gave, and what was behind, left out and held.

import { element, setText } from "./dom.js";
import { bytes, duration, finite, foreign, number } from "./format.js";
import { Timeline } from "./timeline.js";

const MOST_SOURCES = 24; // with charts of their own
const DAY_S = 86_400;

/** A length in seconds; a replayed log may be years behind. */
const span = (s) => (Math.abs(s) >= 2 * DAY_S ? `${number(s / DAY_S, 0)} days` : duration(s * 1000));
const percent = (value) => (Number.isNaN(value) ? "–" : `${number(value, value < 10 ? 1 : 0)} %`);

const SPARK = [
  { title: "Input rate", unit: "records/s", series: [{ read: (it) => it.rate }], print: number, histogram: true },
  { title: "Scheduling delay", unit: "ms", series: [{ read: (it) => it.delay }], print: duration, histogram: true },
  {
    title: "Processing time",
    unit: "ms; dashed: batch interval",
    series: [{ read: (it) => it.processing }],
    print: duration,
    limit: (it) => it.interval,
    histogram: true,
  },
  { title: "Total delay", unit: "ms", series: [{ read: (it) => it.total }], print: duration, histogram: true },
];

/** Charts that are there only if one of their figures is. */
const MORE = [
  { title: "Watermark", unit: "s behind the batch", series: [{ read: (it) => it.behind }], print: span },
  {
    title: "Left out",
    unit: "records of a batch",
    series: [{ name: "late", read: (it) => it.late }, { name: "malformed", read: (it) => it.malformed }],
    print: number,
  },
  { title: "Kept by shedding", unit: "% of the records", series: [{ read: (it) => it.kept }], print: percent },
  {
    title: "Memory",
    unit: "bytes",
    series: [
      { name: "process", read: (it) => it.resident },
      { name: "state", read: (it) => it.state },
      { name: "held by sources", read: (it) => it.pending },
    ],
    print: bytes,
  },
];

/** The charts of a source: its rate beside its limit, and its lag. */
function ofSource(id, name) {
  const read = (key) => (it) => it.sources.get(id)?.[key];
  const title = foreign(name, 80);
  return [
    {
      title,
      unit: "records/s",
      series: [{ name: "read", read: read("rate") }, { name: "limit", read: read("rateLimit") }],
      print: number,
    },
    { title: `Lag of ${title}`, unit: "records", series: [{ read: read("lagRecords") }], print: number },
    { title: `Lag of ${title}`, unit: "bytes", series: [{ read: read("lagBytes") }], print: bytes },
  ];
}

export class JobCharts {
  constructor(root, redraw) {
    this.redraw = redraw;
    root.replaceChildren();
    const grid = () => element("div", "charts job-charts", root);
    const first = grid();
    this.views = SPARK.map((spec) => new Timeline(first, spec, redraw));
    this.bySource = element("details", "by-source", root);
    setText(element("summary", "", this.bySource), "Input rate, limit and lag by source");
    this.sourceGrid = element("div", "charts job-charts", this.bySource);
    this.optional = [];
    const second = grid();
    this.sources = new Set();
    this.offer(second, MORE);
  }

  offer(parent, specs) {
    for (const spec of specs) {
      const view = new Timeline(parent, spec, this.redraw);
      view.root.hidden = true;
      this.optional.push(view);
    }
  }

  show(points) {
    for (const [id, source] of points.at(-1)?.sources ?? []) {
      if (this.sources.has(id) || this.sources.size >= MOST_SOURCES) continue;
      this.sources.add(id);
      this.offer(this.sourceGrid, ofSource(id, source.streamName));
    }
    this.bySource.hidden = this.sources.size === 0;
    for (const view of this.views) view.show(points);
    for (const view of this.optional) {
      const some = view.spec.series.some(({ read }) => points.some((point) => !Number.isNaN(finite(read(point)))));
      view.root.hidden = !some;
      if (some) view.show(points);
    }
  }
}
