// A chart of places in two dimensions on a canvas: points, and centres with
// their weights and the way they came.

import { element, resize, setAttribute, setText } from "./dom.js";
import { number, tick } from "./format.js";
import { linear, multiples, niceStep } from "./scale.js";
import { looks, symbol } from "./symbols.js";
import { color } from "./theme.js";

const FONT = 11;
const REACH = 24; // pixels from the pointer to what it points at
const LARGEST = 11;
const SMALLEST = 5;
const SUMMARY_EVERY_MS = 5000;

/**
 * A map in the element `host`. Its model:
 *
 *     { x, y, equal, centres: [{ id, x, y, weight, share, trail }], points: [[x, y, id]], summary }
 *
 * where `x` and `y` name the axes, `equal` makes a unit as long on both, all
 * numbers are finite, a trail is a list of places, and the id of a point is
 * null if it belongs to no cluster.
 */
export class Scatter {
  constructor(host, { requestDraw, onRead }) {
    this.host = host;
    this.requestDraw = requestDraw;
    this.onRead = onRead;
    this.canvas = element("canvas", "", host);
    this.canvas.tabIndex = 0;
    this.canvas.setAttribute("role", "img");
    this.context = this.canvas.getContext("2d");
    this.tooltip = element("div", "tooltip", host);
    this.tooltip.hidden = true;
    this.when = element("p", "when", this.tooltip);
    this.rows = element("div", "readings", this.tooltip);
    this.id = null; // the centre that is read
    this.summarized = -Infinity;
    this.canvas.addEventListener("pointermove", (event) => this.near(event.offsetX, event.offsetY));
    this.canvas.addEventListener("pointerdown", (event) => this.near(event.offsetX, event.offsetY));
    this.canvas.addEventListener("pointerleave", () => this.read(null));
    this.canvas.addEventListener("blur", () => this.read(null));
    this.canvas.addEventListener("keydown", (event) => this.key(event));
    this.resized = new ResizeObserver(requestDraw);
    this.resized.observe(host);
  }

  read(id) {
    if (id === this.id) return;
    this.id = id;
    this.onRead(id);
    this.requestDraw();
  }

  near(x, y) {
    if (!this.plane) return;
    const { px, py } = this.plane;
    let [best, nearest] = [null, REACH];
    for (const centre of this.model.centres) {
      const distance = Math.hypot(px(centre.x) - x, py(centre.y) - y);
      if (distance < nearest) [best, nearest] = [centre.id, distance];
    }
    this.read(best);
  }

  key(event) {
    const ids = this.plane ? this.model.centres.map((centre) => centre.id) : [];
    const at = ids.indexOf(this.id);
    const end = ids.length - 1;
    const to = {
      ArrowRight: at + 1, ArrowDown: at + 1,
      ArrowLeft: at < 0 ? end : at - 1, ArrowUp: at < 0 ? end : at - 1,
      Home: 0, End: end,
    }[event.key];
    if (event.key === "Escape") this.read(null);
    if (to === undefined || end < 0) return;
    event.preventDefault();
    this.read(ids[Math.min(Math.max(to, 0), end)]);
  }

  draw(model) {
    const width = this.host.clientWidth;
    const height = this.host.clientHeight;
    if (width === 0 || height === 0) return;
    const ratio = window.devicePixelRatio || 1;
    const [w, h] = [Math.round(width * ratio), Math.round(height * ratio)];
    if (this.canvas.width !== w || this.canvas.height !== h) Object.assign(this.canvas, { width: w, height: h });
    const ctx = this.context;
    ctx.setTransform(w / width, 0, 0, h / height, 0, 0);
    ctx.clearRect(0, 0, width, height);
    ctx.font = `${FONT}px ${getComputedStyle(this.canvas).fontFamily}`;
    this.model = model;
    this.plane = this.layout(model, width, height);
    if (this.plane) {
      this.drawAxes(this.plane, model);
      this.drawPlaces(this.plane, model);
    }
    this.tell();
    const now = performance.now();
    if (now - this.summarized < SUMMARY_EVERY_MS) return;
    if (this.plane) this.summarized = now;
    setAttribute(this.canvas, "aria-label", model.summary());
  }

  /** Scales and margins; null when there is nothing to draw. */
  layout({ centres, points, equal }, width, height) {
    const places = [...points, ...centres.flatMap(({ x, y, trail }) => [[x, y], ...trail])];
    if (places.length === 0) return null;
    const box = { left: 52, right: width - 14, top: 22, bottom: height - 36 };
    const [across, down] = [Math.max(1, box.right - box.left), Math.max(1, box.bottom - box.top)];
    const [x, y] = equalized([0, 1].map((k) => span(places, k)), [across, down], equal);
    return {
      box,
      x: { domain: x, ...ticks(x, across / 80) },
      y: { domain: y, ...ticks(y, down / 40) },
      px: linear(x, [box.left, box.right]),
      py: linear(y, [box.bottom, box.top]),
    };
  }

  drawAxes({ box, x, y, px, py }, model) {
    const ctx = this.context;
    ctx.strokeStyle = color("rule");
    ctx.fillStyle = color("muted");
    ctx.lineWidth = 1;
    ctx.beginPath();
    ctx.textBaseline = "middle";
    ctx.textAlign = "right";
    for (const value of y.ticks) {
      const at = Math.round(py(value)) + 0.5;
      ctx.moveTo(box.left, at);
      ctx.lineTo(box.right, at);
      ctx.fillText(tick(value, y.step), box.left - 8, at);
    }
    ctx.textBaseline = "top";
    ctx.textAlign = "center";
    for (const value of x.ticks) {
      const at = Math.round(px(value)) + 0.5;
      ctx.moveTo(at, box.top);
      ctx.lineTo(at, box.bottom);
      ctx.fillText(tick(value, x.step), at, box.bottom + 6);
    }
    ctx.stroke();
    // The names of the axes stand at their ends.
    ctx.fillStyle = color("ink");
    ctx.textAlign = "right";
    ctx.fillText(`${model.x} →`, box.right, box.bottom + 20, box.right - box.left);
    ctx.textAlign = "left";
    ctx.fillText(`↑ ${model.y}`, 4, 4, box.right - 4);
  }

  drawPlaces({ box, px, py }, { centres, points }) {
    const ctx = this.context;
    ctx.save();
    ctx.beginPath();
    ctx.rect(box.left - 4, box.top - 4, box.right - box.left + 8, box.bottom - box.top + 8);
    ctx.clip();
    ctx.lineWidth = 1;
    for (const [x, y, id] of points) {
      const dim = this.id !== null && id !== this.id;
      ctx.globalAlpha = dim ? 0.18 : 0.6;
      if (id === null) symbol(ctx, 0, px(x), py(y), 1.4, "muted");
      else symbol(ctx, looks(id).shape, px(x), py(y), 2.6, looks(id).color);
    }
    for (const { id, x, y, trail } of centres) {
      ctx.globalAlpha = this.id === null || this.id === id ? 0.9 : 0.3;
      ctx.strokeStyle = color(looks(id).color);
      ctx.lineWidth = 1.6;
      ctx.beginPath();
      for (const [tx, ty] of trail) ctx.lineTo(px(tx), py(ty));
      ctx.lineTo(px(x), py(y));
      ctx.stroke();
    }
    ctx.globalAlpha = 1;
    const heaviest = Math.max(...centres.map((centre) => centre.weight), 0) || 1;
    ctx.textAlign = "center";
    ctx.textBaseline = "middle";
    for (const centre of centres) this.drawCentre(centre, heaviest, px(centre.x), py(centre.y));
    ctx.restore();
  }

  /** A disc whose area is its weight, with the number of its cluster in it. */
  drawCentre({ id, weight }, heaviest, x, y) {
    const ctx = this.context;
    const radius = Math.max(SMALLEST, LARGEST * Math.sqrt(Math.max(weight, 0) / heaviest));
    symbol(ctx, 0, x, y, radius, looks(id).color);
    ctx.lineWidth = this.id === id ? 3 : 1.5;
    symbol(ctx, 0, x, y, radius + 0.75, this.id === id ? "ink" : "card", true);
    if (radius < 7) return;
    ctx.fillStyle = color("card");
    ctx.fillText(String(id), x, y + 0.5);
  }

  tell() {
    const centre = this.plane && this.model.centres.find((one) => one.id === this.id);
    this.tooltip.hidden = !centre;
    if (!centre) return;
    setText(this.when, `${looks(centre.id).glyph} cluster ${centre.id}`);
    const told = [
      ["weight", `${number(centre.weight)} (${share(centre.share)})`],
      [this.model.x, number(centre.x)],
      [this.model.y, number(centre.y)],
    ];
    resize(this.rows, told.length, reading);
    told.forEach(([name, value], i) => {
      const [, label, shown] = this.rows.children[i].children;
      setText(label, name);
      setText(shown, value);
    });
    const x = this.plane.px(centre.x);
    const width = this.tooltip.offsetWidth;
    const left = x > this.host.clientWidth / 2 ? Math.max(0, x - width - 18) : Math.min(x + 18, this.host.clientWidth - width);
    this.tooltip.style.transform = `translateX(${Math.round(left)}px)`;
  }
}

/** A share in percent; a dash if there is nothing to be a share of. */
export function share(part) {
  return Number.isNaN(part) ? "–" : `${(part * 100).toFixed(1)} %`;
}

function reading() {
  const row = element("p", "reading");
  element("i", "", row);
  element("bdi", "reading-name", row);
  element("b", "reading-value", row);
  return row;
}

/** From where to where places reach along an axis, with some room. */
function span(places, axis) {
  let [low, high] = [Infinity, -Infinity];
  for (const place of places) {
    low = Math.min(low, place[axis]);
    high = Math.max(high, place[axis]);
  }
  const room = (high - low) * 0.06 || Math.abs(high) * 0.1 || 1;
  return [low - room, high + room];
}

/** Widens one of two spans until a unit is as long along both, if that is wanted. */
function equalized(spans, lengths, equal) {
  if (!equal) return spans;
  const unit = Math.max(...spans.map(([low, high], i) => (high - low) / lengths[i]));
  return spans.map(([low, high], i) => {
    const more = (unit * lengths[i] - (high - low)) / 2;
    return [low - more, high + more];
  });
}

function ticks([low, high], count) {
  const step = niceStep((high - low) / Math.max(2, Math.floor(count)));
  return { step, ticks: multiples(step, low, high).filter((at) => at >= low && at <= high) };
}
