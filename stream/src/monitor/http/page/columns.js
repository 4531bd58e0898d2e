// The columns of the tables on the page of the engine.

import { bytes, clock, duration, foreign, moment, number } from "./format.js";

export const absent = "–";
export const count = (value) => (typeof value === "number" ? number(value) : absent);
export const length = (value) => (typeof value === "number" ? duration(value) : absent);
export const size = (value) => (typeof value === "number" ? bytes(value) : absent);
const name = (text) => foreign(text, 120);
const said = (text) => (text ? foreign(text, 2000) : absent);
const at = (id) => (typeof id === "number" ? clock(id, 1) : absent);
const time = (stamp) => (stamp ? clock(Date.parse(stamp), 1) : absent);
const rate = (value) => (typeof value === "number" ? `${number(value)}/s` : absent);

/** How far a source is behind, in what it can count. */
export function lag({ lagRecords, lagBytes }) {
  const parts = [
    typeof lagRecords === "number" ? `${number(lagRecords)} records` : "",
    typeof lagBytes === "number" ? bytes(lagBytes) : "",
  ];
  return parts.filter(Boolean).join(", ") || absent;
}

export const BATCHES = [
  { title: "Batch", cell: (it) => at(it.batchId), hint: (it) => moment(it.batchId) },
  { title: "Status", cell: (it) => String(it.status).toLowerCase() },
  { title: "Records", number: true, cell: (it) => count(it.inputSize) },
  { title: "Scheduling delay", number: true, cell: (it) => length(it.schedulingDelay) },
  { title: "Processing", number: true, cell: (it) => length(it.processingTime) },
  { title: "Total delay", number: true, cell: (it) => length(it.totalDelay) },
  { title: "Outputs", number: true, cell: (it) => `${count(it.numCompletedOutputOps)} / ${count(it.numTotalOutputOps)}` },
  { title: "Late", number: true, cell: (it) => count(it.lateRecords) },
  { title: "Retries", number: true, cell: (it) => count(it.retries) },
  { title: "Failure", cell: (it) => said(it.firstFailureReason) },
];

export const ACTIVE = [
  BATCHES[0],
  BATCHES[1],
  BATCHES[3],
  {
    title: "Outputs",
    number: true,
    cell: (it) => `${count(it.numCompletedOutputOps + it.numFailedOutputOps)} done, ${count(it.numActiveOutputOps)} running`,
  },
];

export const OPERATIONS = [
  { title: "Output", cell: (it) => name(it.name) },
  { title: "Of", cell: (it) => name(it.description) },
  { title: "Started", cell: (it) => time(it.startTime), hint: (it) => it.startTime ?? "" },
  { title: "Duration", number: true, cell: (it) => length(it.duration) },
  {
    title: "Status",
    cell: (it) => (it.failureReason ? "failed" : it.endTime ? "completed" : "running"),
  },
  { title: "Failure", wrap: true, cell: (it) => said(it.failureReason) },
];

/** What sources gave to a batch. */
export const READ = [
  { title: "Source", cell: (it) => name(it.streamName) },
  { title: "Records", number: true, cell: (it) => count(it.records) },
  { title: "Limit", number: true, cell: (it) => rate(it.rateLimit) },
  { title: "Read up to", wrap: true, cell: (it) => said(it.position) },
  { title: "Lag", number: true, cell: lag },
];

/** Operators, with how large a share each has of the time of all. */
export function operators(all) {
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

export const SOURCES = [
  { title: "Source", cell: (it) => name(it.streamName) },
  { title: "State", cell: (it) => (it.isActive ? "reading" : "ended") },
  { title: "Records/s", number: true, cell: (it) => count(it.eventRates.at(-1)?.[1]) },
  { title: "Mean", number: true, cell: (it) => rate(it.avgEventRate) },
  { title: "Limit", number: true, cell: (it) => (typeof it.rateLimit === "number" ? rate(it.rateLimit) : "none") },
  { title: "Read up to", wrap: true, cell: (it) => said(it.position) },
  { title: "Lag", number: true, cell: lag },
  { title: "Held in memory", number: true, cell: (it) => size(it.pendingBytes) },
  {
    title: "Last error",
    wrap: true,
    cell: (it) => (it.lastError ? `${time(it.lastErrorTime)} ${foreign(it.lastError, 2000)}` : absent),
  },
];

/** Checkpoints, and how old each is: as of the latest batch, whose time this gives. */
export function checkpoints(latest) {
  return [
    { title: "Of batch", cell: (it) => at(it.batchId), hint: (it) => moment(it.batchId) },
    { title: "Age", number: true, cell: (it) => length(Math.max(0, latest() - it.batchId)) },
    { title: "Standing still", number: true, cell: (it) => length(it.taking) },
    { title: "Writing", number: true, cell: (it) => length(it.writing) },
    { title: "Written", number: true, cell: (it) => size(it.writtenBytes) },
    { title: "State", number: true, cell: (it) => size(it.stateBytes) },
  ];
}

export const WARNINGS = [
  { title: "After batch", cell: (it) => at(it.batchId) },
  { title: "Warning", wrap: true, cell: (it) => foreign(it.warning, 2000) },
];
