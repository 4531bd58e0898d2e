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

/** The levels as dashed lines; one beyond the axis is named at the edge it lies behind. */
export function drawLevels(ctx, { box, y, py }, levels, labelled) {
  const [low, high] = y.domain;
  ctx.textAlign = "right";
  ctx.lineWidth = 1;
  for (const { value, label } of levels) {
    const outside = value < low || value > high;
    const at = Math.round(py(Math.min(Math.max(value, low), high))) + 0.5;
    ctx.strokeStyle = color("limit");
    if (!outside) {
      ctx.setLineDash([4, 4]);
      ctx.beginPath();
      ctx.moveTo(box.left, at);
      ctx.lineTo(box.right, at);
      ctx.stroke();
      ctx.setLineDash([]);
    }
    if (!labelled) continue;
    const text = `${outside ? (value > high ? "↑ " : "↓ ") : ""}${label} ${number(value)}`;
    const below = at - 14 < box.top;
    ctx.textBaseline = below ? "top" : "bottom";
    // On the ground of the card, so that a line behind it leaves it legible.
    ctx.lineWidth = 3;
    ctx.strokeStyle = color("card");
    ctx.strokeText(text, box.right - 4, below ? at + 3 : at - 3);
    ctx.fillStyle = color("limit");
    ctx.fillText(text, box.right - 4, below ? at + 3 : at - 3);
    ctx.lineWidth = 1;
  }
}
