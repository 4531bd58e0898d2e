// What the page of the engine knows of batches: those that the job keeps, and
// the figures over time that its charts show.

import { finite } from "./format.js";

const KEPT = 1000;

/** The batches that were heard of, by their time. */
export class Batches {
  constructor() {
    this.byId = new Map();
  }

  /** Takes an answer; tells whether it reaches back to what was known. */
  add(batches) {
    const known = this.byId.size === 0 || batches.some((batch) => this.byId.has(batch.batchId));
    if (!known) this.byId.clear();
    for (const batch of batches) this.byId.set(batch.batchId, batch);
    this.all = [...this.byId.values()].sort((a, b) => a.batchId - b.batchId).slice(-KEPT);
    this.byId = new Map(this.all.map((batch) => [batch.batchId, batch]));
    return known;
  }

  get size() {
    return this.byId.size;
  }

  /** The latest first. */
  with(wanted) {
    return (this.all ?? []).filter((batch) => wanted(batch.status)).reverse();
  }

  /** The points of the charts: of batches that are over. */
  points() {
    const over = (this.all ?? []).filter((batch) => isOver(batch.status));
    return over.map((batch, i) => point(batch, over[i - 1]));
  }
}

export function isOver(status) {
  return status === "COMPLETED" || status === "FAILED";
}

/** A batch in figures. Without an interval, a rate is since the batch before. */
function point(batch, before) {
  const length = batch.batchDuration ?? (before ? batch.batchId - before.batchId : NaN);
  const perSecond = (records) => (length > 0 ? (finite(records) * 1000) / length : NaN);
  const sources = batch.sources.map((source) => [source.streamId, { ...source, rate: perSecond(source.records) }]);
  return {
    t: batch.batchId,
    rate: perSecond(batch.inputSize),
    delay: finite(batch.schedulingDelay),
    processing: finite(batch.processingTime),
    total: finite(batch.totalDelay),
    interval: finite(batch.batchDuration),
    behind: (batch.batchId - finite(batch.watermark)) / 1000,
    late: finite(batch.lateRecords),
    malformed: finite(batch.malformedRecords),
    kept: finite(batch.sampledFraction) * 100,
    resident: finite(batch.residentBytes),
    state: finite(batch.stateBytes),
    pending: finite(batch.pendingBytes),
    sources: new Map(sources),
  };
}
