// Levels the reader is to compare with: drawn in the chart, and said in words
// when the latest value is beyond one.

import { finite, foreign, number } from "./format.js";
import { color } from "./theme.js";

const MOST = 8;
const LABEL = 40;

/** The thresholds of a panel, lowest first. */
export function levelsOf(spec) {
  const given = Array.isArray(spec?.thresholds) ? spec.thresholds.slice(0, MOST) : [];
  return given
    .map((one) => ({ value: finite(one?.value), label: one?.label ? foreign(one.label, LABEL) : "threshold" }))
    .filter(({ value }) => !Number.isNaN(value))
    .sort((a, b) => a.value - b.value);
}

/** Says of each `[name, estimate]` the highest level it is above; empty if of none. */
export function beyond(levels, named) {
  const said = [];
  for (const [name, e] of named) {
    const level = levels.findLast(({ value }) => finite(e?.value) > value);
    if (!level) continue;
    // An estimate may be above while what is guaranteed reaches below.
    const unsure = finite(e.lower) <= level.value ? ", not for certain" : "";
    said.push(`${name ? `${name} ` : ""}above ${level.label} (${number(level.value)})${unsure}`);
  }
  return said.join("; ");
}

/** The extent of an axis, widened to the levels that are near: a far one would flatten the line. */
export function widened([low, high], levels, logarithmic) {
  const room = 2 * Math.max(high - low, Math.abs(low), Math.abs(high));
  const near = logarithmic && low > 0
    ? (value) => value >= low / 100 && value <= high * 100
    : (value) => value >= low - room && value <= high + room;
  const shown = levels.map(({ value }) => value).filter(near);
  return [Math.min(low, ...shown), Math.max(high, ...shown)];
}

const LINE_HEIGHT = 14;

/** The levels as dashed lines, named unless there is no room for it. One beyond the axis is named at the edge it lies behind. */
export function drawLevels(ctx, plane, levels, named) {
  const { box, y, py } = plane;
  const [low, high] = y.domain;
  const labels = [];
  for (const { value, label } of levels) {
    const beyondAxis = value < low ? "↓ " : value > high ? "↑ " : "";
    const at = Math.round(py(Math.min(Math.max(value, low), high))) + 0.5;
    if (!beyondAxis) rule(ctx, box, at);
    const top = at - LINE_HEIGHT < box.top ? at + 2 : at - LINE_HEIGHT;
    labels.push({ text: `${beyondAxis}${label} ${number(value)}`, top });
  }
  if (named) write(ctx, box, labels);
}

function rule(ctx, box, at) {
  ctx.strokeStyle = color("limit");
  ctx.lineWidth = 1;
  ctx.setLineDash([4, 4]);
  ctx.beginPath();
  ctx.moveTo(box.left, at);
  ctx.lineTo(box.right, at);
  ctx.stroke();
  ctx.setLineDash([]);
}

/** Labels at the right end; one that would lie on others is moved to the left of them. */
function write(ctx, box, labels) {
  ctx.textAlign = "right";
  ctx.textBaseline = "top";
  ctx.lineWidth = 3;
  ctx.strokeStyle = color("card");
  ctx.fillStyle = color("limit");
  const written = [];
  for (const { text, top } of labels) {
    const beside = written.filter((other) => Math.abs(other.top - top) < LINE_HEIGHT).map((other) => other.left - 12);
    const right = Math.min(box.right - 4, ...beside);
    const left = right - ctx.measureText(text).width;
    if (left < box.left) continue;
    // A rim in the colour of the card keeps it legible on lines.
    ctx.strokeText(text, right, top);
    ctx.fillText(text, right, top);
    written.push({ top, left });
  }
}
