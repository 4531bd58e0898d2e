// What charts are drawn with: bands, lines, whiskers and the crosshair. Each
// takes a plane (the box of the plot, the pixels `px` of the times, the scale
// `py` of the values) and columns that hold NaN for what is absent.

import { color } from "./theme.js";

/** Calls `visit(start, end)` for each run of indices where `present` holds. */
function runs(length, present, visit) {
  let start = -1;
  for (let i = 0; i <= length; i += 1) {
    const here = i < length && present(i);
    if (here && start < 0) start = i;
    if (!here && start >= 0) {
      visit(start, i);
      start = -1;
    }
  }
}

// Points that fall into so few pixels are drawn as their extremes: a path of fewer corners that looks the same.
const COLUMN = 2;

/** Calls `visit(start, end)` for each stretch of points that share a column of pixels. */
function stretches(px, start, end, visit) {
  let first = start;
  while (first < end) {
    const column = Math.floor(px[first] / COLUMN);
    let next = first + 1;
    while (next < end && Math.floor(px[next] / COLUMN) === column) next += 1;
    visit(first, next);
    first = next;
  }
}

/** The index of the least (`sign` 1) or the greatest (-1) of some values. */
function extreme(values, start, end, sign) {
  let best = start;
  for (let i = start + 1; i < end; i += 1) if (sign * values[i] < sign * values[best]) best = i;
  return best;
}

/** The area between two columns; a lone point has a whisker instead. */
export function band(ctx, { px, py }, lower, upper, name, opacity) {
  ctx.globalAlpha = opacity;
  ctx.fillStyle = color(name);
  const present = (i) => lower[i] <= upper[i]; // false for NaN
  runs(px.length, present, (start, end) => {
    if (end - start === 1) {
      whisker(ctx, px[start], py(lower[start]), py(upper[start]), name);
      return;
    }
    ctx.beginPath();
    const back = []; // the lower edge, from right to left
    stretches(px, start, end, (first, next) => {
      const x = first === start ? px[first] : px[next - 1];
      ctx.lineTo(x, py(upper[extreme(upper, first, next, -1)]));
      back.push(x, py(lower[extreme(lower, first, next, 1)]));
    });
    for (let i = back.length - 2; i >= 0; i -= 2) ctx.lineTo(back[i], back[i + 1]);
    ctx.fill();
  });
  ctx.globalAlpha = 1;
}

/** A line through a column, broken where it has no value. */
export function line(ctx, { px, py }, values, name) {
  ctx.strokeStyle = color(name);
  ctx.lineWidth = 1.6;
  runs(px.length, (i) => !Number.isNaN(values[i]), (start, end) => {
    if (end - start === 1) {
      dot(ctx, px[start], py(values[start]), name, 2);
      return;
    }
    ctx.beginPath();
    stretches(px, start, end, (first, next) => {
      const [least, most] = [extreme(values, first, next, 1), extreme(values, first, next, -1)];
      for (const i of least < most ? [least, most] : [most, least]) ctx.lineTo(px[i], py(values[i]));
    });
    ctx.lineTo(px[end - 1], py(values[end - 1]));
    ctx.stroke();
  });
}

/** Marks where the series stands now. */
export function last(ctx, { px, py }, { values, color: name }) {
  const i = px.length - 1;
  if (!Number.isNaN(values[i])) dot(ctx, px[i], py(values[i]), name, 2.6);
}

function dot(ctx, x, y, name, radius) {
  ctx.fillStyle = color(name);
  ctx.beginPath();
  ctx.arc(x, y, radius, 0, 2 * Math.PI);
  ctx.fill();
}

/** An interval as a vertical line with end caps. */
function whisker(ctx, x, low, high, name) {
  ctx.globalAlpha = 1;
  ctx.strokeStyle = color(name);
  ctx.lineWidth = 1.2;
  ctx.beginPath();
  ctx.moveTo(x, low);
  ctx.lineTo(x, high);
  for (const y of [low, high]) {
    ctx.moveTo(x - 3, y);
    ctx.lineTo(x + 3, y);
  }
  ctx.stroke();
}

/** The crosshair at the `i`-th time: a rule, and each series' value and interval. */
export function crosshair(ctx, { box, px, py }, series, i) {
  const x = Math.round(px[i]) + 0.5;
  ctx.strokeStyle = color("muted");
  ctx.lineWidth = 1;
  ctx.beginPath();
  ctx.moveTo(x, box.top - 4);
  ctx.lineTo(x, box.bottom);
  ctx.stroke();
  for (const { values, lower, upper, color: name } of series) {
    if (lower[i] < upper[i]) {
      const inside = (y) => Math.min(Math.max(py(y), box.top - 4), box.bottom);
      whisker(ctx, x, inside(lower[i]), inside(upper[i]), name);
    }
    if (!Number.isNaN(values[i])) dot(ctx, x, py(values[i]), name, 3.5);
  }
}
