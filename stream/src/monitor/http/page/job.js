// The page of the engine: what the job does, batch by batch, and what its
// operators, sources and checkpoints are. Asked for while it is looked at.

import { Batches, isOver } from "./batches.js";
import * as columns from "./columns.js";
import { absent, count, length, size } from "./columns.js";
import { element, setText } from "./dom.js";
import { duration, finite, moment, number } from "./format.js";
import { OperatorGraph } from "./graph.js";
import { JobCharts } from "./job-charts.js";
import { offerStop } from "./stop.js";
import { Table } from "./table.js";

const EVERY_MS = 1000;
const ASKED = 100; // batches; all that are kept where these do not reach back to what is known
const SHOWN = 100; // rows of batches at first
const RATE_OVER_MS = 10_000;

/** The page. It asks while `show()` is its last word, and not after `hide()`. */
export class JobPage {
  constructor(root) {
    this.facts = element("p", "facts", root);
    this.charts = element("div", "", root);
    const tables = element("div", "listings", root);
    this.graph = new OperatorGraph(tables);
    this.active = new Table(tables, "Active batches", columns.ACTIVE, { empty: "No batch waits or runs" });
    this.batchTable = new Table(tables, "Batches", columns.BATCHES, {
      empty: "No batch yet",
      select: (batch) => this.look(batch?.batchId),
      key: (batch) => batch.batchId,
    });
    this.more = element("button", "theme control more", this.batchTable.root);
    this.more.type = "button";
    this.more.onclick = () => {
      this.shown *= 10;
      this.tellBatches();
    };
    this.details = element("div", "details", tables);
    this.details.hidden = true;
    this.batchFacts = element("p", "facts", this.details);
    this.outputs = new Table(this.details, "Outputs of the batch", columns.OPERATIONS, { empty: "No outputs" });
    this.read = new Table(this.details, "Sources of the batch", columns.READ, { empty: "No sources" });
    const [ofAll, ofBatch] = [() => elapsed(this.operators), () => elapsed(this.batchOperators)];
    this.ofBatch = new Table(this.details, "Operators in the batch", columns.operators(ofBatch), { empty: "None was measured" });
    this.operatorTable = new Table(tables, "Operators, since the start", columns.operators(ofAll), { empty: "None was measured" });
    this.sources = new Table(tables, "Sources", columns.SOURCES, { empty: "No sources" });
    const latest = () => this.points.at(-1)?.t ?? NaN;
    this.checkpoints = new Table(tables, "Checkpoints", columns.checkpoints(latest), { empty: "No checkpoint was written" });
    this.warnings = new Table(tables, "Warnings", columns.WARNINGS, { empty: "No warnings" });
    this.running = null;
    this.forget();
  }

  forget() {
    this.batches = new Batches();
    this.points = [];
    this.operators = this.batchOperators = [];
    this.rows = []; // of operators, as they were at the last few answers
    this.shown = SHOWN;
    this.base = null;
    this.look(null);
  }

  /** Another connection, perhaps to another run of the job: all is asked for again. */
  reset(_, redraw) {
    this.forget();
    this.view = new JobCharts(this.charts, redraw);
  }

  /** There is news: the page asks by itself. */
  update() {}

  show() {
    if (this.running) return;
    const running = {}; // one that was hidden in the meantime asks no more, also if another has begun
    this.running = running;
    const again = async () => {
      await this.ask();
      if (this.running === running) this.timer = setTimeout(again, EVERY_MS);
    };
    again();
  }

  hide() {
    clearTimeout(this.timer);
    this.running = null;
  }

  /** Shows a batch in detail; the same again, or none, hides it. */
  look(batch) {
    this.selected = this.selected === batch ? null : (batch ?? null);
    this.details.hidden = this.selected === null;
    if (this.selected === null) return;
    this.tellBatches();
    this.ask();
  }

  async ask() {
    try {
      const [application] = await read("/api/v1/applications");
      this.base = `/api/v1/applications/${encodeURIComponent(application.id)}`;
      const { batches } = this;
      const ask = (path) => read(`${this.base}/streaming/${path}`);
      const paths = ["statistics", "operators", "receivers", "checkpoints", "warnings"];
      const [latest, ...answers] = await Promise.all([batches.size > 0 ? ask(`batches?limit=${ASKED}`) : ask("batches"), ...paths.map(ask)]);
      if (!batches.add(latest)) batches.add(await ask("batches"));
      if (batches !== this.batches) return; // it was another job
      this.tell(application, ...answers);
      if (this.selected !== null) await this.tellBatch();
    } catch {
      // The status of the page says that the job cannot be heard; it is asked again.
    }
  }

  tell(application, statistics, operators, receivers, checkpoints, warnings) {
    const [run] = application.attempts;
    offerStop(this.base, { stoppable: application.stoppable, ended: run.completed });
    setText(this.facts, facts(run, statistics));
    this.points = this.batches.points();
    this.view?.show(this.points);
    this.tellBatches();
    this.operators = operators;
    this.operatorTable.show(operators);
    this.graph.show(this.withRates(operators), statistics.numTotalCompletedBatches);
    this.sources.show(receivers, { marked: (it) => it.lastError });
    this.checkpoints.show(checkpoints.slice(0, 10), { note: newest(checkpoints[0]) });
    this.warnings.show(warnings.toReversed(), { marked: () => true });
  }

  tellBatches() {
    const active = this.batches.with((status) => !isOver(status));
    this.active.show(active);
    const over = this.batches.with(isOver);
    this.batchTable.show(over.slice(0, this.shown), {
      note: "choose one to see its outputs, sources and operators",
      marked: (it) => it.firstFailureReason,
      selected: (it) => it.batchId === this.selected,
    });
    this.more.hidden = over.length <= this.shown;
    setText(this.more, `Show all ${number(over.length)} that are kept`);
  }

  async tellBatch() {
    const id = this.selected;
    const path = `${this.base}/streaming/batches/${id}`;
    const [batch, outputs, operators] = await Promise.all([read(path), read(`${path}/operations`), read(`${path}/operators`)]);
    if (id !== this.selected) return;
    const note = `batch ${moment(id)}`;
    setText(this.batchFacts, batchFacts(batch));
    this.outputs.show(outputs, { note, marked: (it) => it.failureReason });
    this.read.show(batch.sources, { note });
    this.batchOperators = operators;
    this.ofBatch.show(operators, { note });
  }

  /** Operators with their rows a second of the last few seconds; NaN before two answers. */
  withRates(operators) {
    const now = performance.now();
    this.rows = this.rows.filter(({ at }) => now - at < RATE_OVER_MS);
    const before = this.rows[0];
    this.rows.push({ at: now, rows: new Map(operators.map((it) => [it.name, rowsOf(it)])) });
    const rate = (it) => ((rowsOf(it) - before?.rows.get(it.name)) * 1000) / (now - before?.at);
    return operators.map((it) => ({ ...it, rate: rate(it) }));
  }
}

/** What came in; of a source, what came out. */
const rowsOf = (operator) => operator.rowsIn || operator.rowsOut;

function elapsed(operators) {
  return operators.reduce((sum, operator) => sum + (finite(operator.elapsed) || 0), 0) || 1;
}

/** The job in a line: how long it runs, and what it did. */
function facts(run, statistics) {
  const started = run.startTime ? Date.parse(run.startTime) : NaN;
  const ended = run.endTime ? Date.parse(run.endTime) : Date.now();
  const ran = duration(Math.max(0, ended - started));
  const how = run.failureReason ? `failed after ${ran}` : run.completed ? `finished after ${ran}` : `running for ${ran}`;
  return [
    how,
    `since ${run.startTime ? moment(started) : absent}`,
    `${count(run.threads)} threads`,
    `${count(statistics.numTotalCompletedBatches)} batches completed`,
    `${count(statistics.numProcessedRecords)} records`,
    `${count(statistics.avgInputRate)} records/s in the mean`,
    `${length(statistics.avgProcessingTime)} mean processing`,
    `${length(statistics.avgTotalDelay)} mean total delay`,
    typeof statistics.residentBytes === "number" ? `${size(statistics.residentBytes)} of memory` : "",
  ].filter(Boolean).join(" · ");
}

function batchFacts(batch) {
  return [
    `Batch ${moment(batch.batchId)}`,
    String(batch.status).toLowerCase(),
    `${count(batch.inputSize)} records`,
    `${count(batch.retries)} retries`,
    `${count(batch.lateRecords)} late`,
    `${count(batch.malformedRecords)} malformed`,
    `${length(batch.schedulingDelay)} waiting, ${length(batch.processingTime)} processing`,
    typeof batch.sampledFraction === "number" ? `${number(batch.sampledFraction * 100)} % kept` : "",
    typeof batch.watermark === "number" ? `watermark ${moment(batch.watermark)}` : "",
  ].filter(Boolean).join(" · ");
}

function newest(checkpoint) {
  return checkpoint ? `the latest holds the state of batch ${moment(checkpoint.batchId)}` : "";
}

async function read(path) {
  const answer = await fetch(path);
  if (!answer.ok) throw new Error(`${path}: ${answer.status}`);
  return answer.json();
}
