// The page of the engine: what the job does, batch by batch, and what its
// operators, sources and checkpoints are. Asked for while it is looked at.

import { card } from "./card.js";
import { Chart } from "./chart.js";
import { element, setText } from "./dom.js";
import { bytes, clock, duration, finite, foreign, moment, number } from "./format.js";
import { seriesColor } from "./theme.js";
import { Table } from "./table.js";

const EVERY_MS = 1000;
const BATCHES = 100; // in the table; the charts show what the page has heard of

const absent = "–";
const count = (value) => (typeof value === "number" ? number(value) : absent);
const length = (value) => (typeof value === "number" ? duration(value) : absent);
const size = (value) => (typeof value === "number" ? bytes(value) : absent);
const name = (text) => foreign(text, 120);
const at = (id) => (typeof id === "number" ? clock(id, 1) : absent);

/** The charts of Spark's page, all over the same batches. */
const CHARTS = [
  { title: "Input rate", unit: "records/s", read: (point) => point.rate, print: number },
  { title: "Scheduling delay", unit: "ms", read: (point) => point.delay_ms, print: duration },
  {
    title: "Processing time",
    unit: "ms; dashed: batch interval",
    read: (point) => point.processing_ms,
    print: duration,
    limit: (point) => point.interval_ms,
  },
  {
    title: "Total delay",
    unit: "ms, scheduling and processing",
    read: (point) => finite(point.delay_ms) + finite(point.processing_ms),
    print: duration,
  },
];

class JobChart {
  constructor(parent, spec, history, redraw) {
    Object.assign(this, { spec, history });
    Object.assign(this, card("job-chart", spec.title));
    setText(this.contract, spec.unit);
    parent.append(this.root);
    const body = element("div", "body", this.root);
    this.value = element("p", "job-chart-value", this.header);
    this.plot = new Chart(element("div", "plot", body), { requestDraw: () => redraw.requestDraw(this) });
  }

  refresh() {
    const { latest } = this.history;
    setText(this.value, latest ? this.spec.print(finite(this.spec.read(latest))) : absent);
  }

  draw() {
    const { points, times, latest } = this.history;
    const { read, print, limit, title } = this.spec;
    const values = Float64Array.from(points, (point) => finite(read(point)));
    const none = new Float64Array(points.length).fill(NaN);
    const reference = latest && limit ? finite(limit(latest)) : NaN;
    this.plot.draw({
      times,
      series: [{ name: title, color: seriesColor(0), values, lower: none, upper: none }],
      estimates: false,
      reference: reference > 0 ? reference : null,
      print,
      moment: (t) => `${clock(t, 1)} UTC`,
      summary: () => `${title}, ${points.length} points. Latest ${print(values.at(-1))}`,
    });
  }
}

const BATCH_COLUMNS = [
  { title: "Batch", cell: (it) => at(it.batchId), hint: (it) => moment(it.batchId) },
  { title: "Status", cell: (it) => String(it.status).toLowerCase() },
  { title: "Records", number: true, cell: (it) => count(it.inputSize) },
  { title: "Scheduling delay", number: true, cell: (it) => length(it.schedulingDelay) },
  { title: "Processing", number: true, cell: (it) => length(it.processingTime) },
  { title: "Total delay", number: true, cell: (it) => length(it.totalDelay) },
  { title: "Outputs", number: true, cell: (it) => `${count(it.numCompletedOutputOps)} / ${count(it.numTotalOutputOps)}` },
  { title: "Late", number: true, cell: (it) => count(it.lateRecords) },
  { title: "Retries", number: true, cell: (it) => count(it.retries) },
  { title: "Failure", cell: (it) => (it.firstFailureReason ? name(it.firstFailureReason) : absent) },
];

const OPERATION_COLUMNS = [
  { title: "Output", cell: (it) => name(it.name) },
  { title: "Of", cell: (it) => name(it.description) },
  { title: "Duration", number: true, cell: (it) => length(it.duration) },
  { title: "Failure", cell: (it) => (it.failureReason ? name(it.failureReason) : absent) },
];

/** Operators, with how large a share each has of the time of all. */
function operatorColumns(all) {
  return [
    { title: "Operator", cell: (it) => name(it.name) },
    { title: "Kind", cell: (it) => name(it.kind) },
    { title: "Time", number: true, cell: (it) => length(it.elapsed), share: (it) => it.elapsed / all() },
    { title: "Rows in", number: true, cell: (it) => count(it.rowsIn) },
    { title: "Rows out", number: true, cell: (it) => count(it.rowsOut) },
    { title: "Merges", number: true, cell: (it) => count(it.merges) },
    { title: "Keys", number: true, cell: (it) => count(it.keys) },
    { title: "State", number: true, cell: (it) => size(it.stateBytes) },
  ];
}

const SOURCE_COLUMNS = [
  { title: "Source", cell: (it) => name(it.streamName) },
  { title: "State", cell: (it) => (it.isActive ? "reading" : "ended") },
  { title: "Records/s", number: true, cell: (it) => count(it.latestRate) },
  { title: "Mean records/s", number: true, cell: (it) => count(it.avgEventRate) },
  { title: "Limit", number: true, cell: (it) => (typeof it.rateLimit === "number" ? `${count(it.rateLimit)}/s` : "none") },
  { title: "Waiting", number: true, cell: (it) => count(it.pendingRecords) },
  { title: "Waiting bytes", number: true, cell: (it) => size(it.pendingBytes) },
  {
    title: "Last error",
    cell: (it) => (it.lastError ? name(it.lastError) : absent),
    hint: (it) => (it.lastError ? `${it.lastErrorTime ?? ""} ${foreign(it.lastError, 2000)}` : ""),
  },
];

const CHECKPOINT_COLUMNS = [
  { title: "Of batch", cell: (it) => at(it.batchId), hint: (it) => moment(it.batchId) },
  { title: "Standing still", number: true, cell: (it) => length(it.taking) },
  { title: "Writing", number: true, cell: (it) => length(it.writing) },
  { title: "Written", number: true, cell: (it) => size(it.writtenBytes) },
  { title: "State", number: true, cell: (it) => size(it.stateBytes) },
];

const WARNING_COLUMNS = [
  { title: "After batch", cell: (it) => at(it.batchId) },
  { title: "Warning", cell: (it) => foreign(it.warning, 2000) },
];

/** The page. It asks while `show()` is its last word, and not after `hide()`. */
export class JobPage {
  constructor(root) {
    this.root = root;
    this.charts = element("div", "charts job-charts", root);
    const tables = element("div", "listings", root);
    const [ofAll, ofBatch] = [() => this.elapsed(this.operators), () => this.elapsed(this.batchOperators)];
    this.facts = element("p", "facts", root);
    root.prepend(this.facts);
    this.batches = new Table(tables, "Batches", BATCH_COLUMNS, {
      empty: "No batch yet",
      select: (batch) => this.look(batch?.batchId),
    });
    this.details = element("div", "details", tables);
    this.details.hidden = true;
    this.outputs = new Table(this.details, "Outputs of the batch", OPERATION_COLUMNS, { empty: "No outputs" });
    this.ofBatch = new Table(this.details, "Operators in the batch", operatorColumns(ofBatch), { empty: "None was measured" });
    this.operatorTable = new Table(tables, "Operators, since the start", operatorColumns(ofAll), { empty: "None was measured" });
    this.sources = new Table(tables, "Sources", SOURCE_COLUMNS, { empty: "No sources" });
    this.checkpoints = new Table(tables, "Checkpoints", CHECKPOINT_COLUMNS, { empty: "No checkpoint was written" });
    this.warnings = new Table(tables, "Warnings", WARNING_COLUMNS, { empty: "No warnings" });
    this.operators = this.batchOperators = [];
    this.selected = null;
    this.timer = null;
  }

  /** The points that the charts show come with the events of the page. */
  reset(history, redraw) {
    this.charts.replaceChildren();
    this.views = CHARTS.map((spec) => new JobChart(this.charts, spec, history, redraw));
    for (const view of this.views) redraw.add(view);
    this.redraw = redraw;
    this.base = null;
  }

  /** There are new points. */
  update() {
    for (const view of this.views ?? []) this.redraw.request(view);
  }

  show() {
    this.update();
    if (this.timer !== null) return;
    const again = async () => {
      await this.ask();
      if (this.timer !== null) this.timer = setTimeout(again, EVERY_MS);
    };
    this.timer = setTimeout(again, 0);
  }

  hide() {
    clearTimeout(this.timer);
    this.timer = null;
  }

  elapsed(operators) {
    return operators.reduce((sum, operator) => sum + (finite(operator.elapsed) || 0), 0) || 1;
  }

  look(batch) {
    this.selected = this.selected === batch ? null : (batch ?? null);
    this.details.hidden = this.selected === null;
    if (this.selected !== null) this.ask();
  }

  async ask() {
    try {
      if (!this.base) {
        const [application] = await read("/api/v1/applications");
        this.base = `/api/v1/applications/${encodeURIComponent(application.id)}`;
        this.offerStop(application);
      }
      const paths = ["statistics", `batches?limit=${BATCHES}`, "operators", "receivers", "checkpoints", "warnings"];
      const answers = await Promise.all(paths.map((path) => read(`${this.base}/streaming/${path}`)));
      this.tell(...answers);
      if (this.selected !== null) await this.tellBatch();
    } catch {
      // The status of the page says that the job cannot be heard; it is asked again.
      this.base = null;
    }
  }

  tell(statistics, batches, operators, receivers, checkpoints, warnings) {
    const facts = [
      `${count(statistics.numTotalCompletedBatches)} batches`,
      `${count(statistics.numProcessedRecords)} records`,
      `${count(statistics.avgInputRate)} records/s in the mean`,
      `${length(statistics.avgProcessingTime)} mean processing`,
      `${length(statistics.avgTotalDelay)} mean total delay`,
      `since ${statistics.startTime ? moment(Date.parse(statistics.startTime)) : absent}`,
    ];
    setText(this.facts, facts.join(" · "));
    this.batches.show(batches, { note: "choose one to see its outputs and operators", marked: (it) => it.firstFailureReason });
    this.operators = operators;
    this.operatorTable.show(operators);
    const latest = batches.find((batch) => batch.sources.length > 0);
    const sources = receivers.map((receiver) => ({
      ...receiver,
      ...latest?.sources.find((source) => source.streamId === receiver.streamId),
      latestRate: receiver.eventRates.at(-1)?.[1],
    }));
    this.sources.show(sources, { marked: (it) => it.lastError });
    this.checkpoints.show(checkpoints.slice(0, 10), { note: age(checkpoints[0]) });
    this.warnings.show(warnings.toReversed(), { marked: () => true });
  }

  async tellBatch() {
    const path = `${this.base}/streaming/batches/${this.selected}`;
    const [outputs, operators] = await Promise.all([read(`${path}/operations`), read(`${path}/operators`)]);
    this.outputs.show(outputs, { note: `batch ${moment(this.selected)}`, marked: (it) => it.failureReason });
    this.batchOperators = operators;
    this.ofBatch.show(operators, { note: `batch ${moment(this.selected)}` });
  }

  offerStop({ stoppable }) {
    const button = document.getElementById("stop");
    button.hidden = !stoppable;
    button.onclick = async () => {
      if (!confirm("Stop the job after the batch that runs?")) return;
      button.disabled = true;
      await fetch(`${this.base}/streaming/stop`, { method: "POST", headers: { "x-streamgauge-stop": "page" } });
    };
  }
}

function age(checkpoint) {
  return checkpoint ? `the latest holds the state of batch ${moment(checkpoint.batchId)}` : "";
}

async function read(path) {
  const answer = await fetch(path);
  if (!answer.ok) throw new Error(`${path}: ${answer.status}`);
  return answer.json();
}
