// Shapes that tell points apart where colours do not: on canvases as paths, in
// text as characters of the same shapes.

import { color, seriesColor } from "./theme.js";

/** Corners of the shapes, in units of their radius; a circle has none. */
const SHAPES = [
  { glyph: "●", corners: null },
  { glyph: "■", corners: [[-0.85, -0.85], [0.85, -0.85], [0.85, 0.85], [-0.85, 0.85]] },
  { glyph: "▲", corners: [[0, -1.1], [1.05, 0.8], [-1.05, 0.8]] },
  { glyph: "◆", corners: [[0, -1.2], [1.05, 0], [0, 1.2], [-1.05, 0]] },
  { glyph: "▼", corners: [[0, 1.1], [1.05, -0.8], [-1.05, -0.8]] },
  { glyph: "⬢", corners: [[1.1, 0], [0.55, 0.95], [-0.55, 0.95], [-1.1, 0], [-0.55, -0.95], [0.55, -0.95]] },
];

export const TRIANGLE = 2;
export const DIAMOND = 3;

/** The shape and the colour of the `id`-th of several: the first 36 differ in one of them. */
export function looks(id) {
  const shape = (id + Math.floor(id / SHAPES.length)) % SHAPES.length;
  return { shape, glyph: SHAPES[shape].glyph, color: seriesColor(id % SHAPES.length) };
}

/** A shape around a place, filled with the colour `name` or, hollow, drawn with it. */
export function symbol(ctx, shape, x, y, radius, name, hollow = false) {
  const { corners } = SHAPES[shape];
  ctx.beginPath();
  if (corners) {
    for (const [dx, dy] of corners) ctx.lineTo(x + dx * radius, y + dy * radius);
    ctx.closePath();
  } else {
    ctx.arc(x, y, radius, 0, 2 * Math.PI);
  }
  if (hollow) {
    ctx.strokeStyle = color(name);
    ctx.stroke();
  } else {
    ctx.fillStyle = color(name);
    ctx.fill();
  }
}
