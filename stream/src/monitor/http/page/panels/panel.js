// What all panels have: a card, a bounded history, a menu, and a word while it is empty.

import { card, commonContract } from "../card.js";
import { Chart } from "../chart.js";
import { element, setAttribute, setText } from "../dom.js";
import { estimate, moment } from "../format.js";
import { History } from "../history.js";
import { beyond, levelsOf } from "../levels.js";
import { panelMenu } from "../menu.js";

/**
 * The view of a panel. A kind of panel says its `shape` (`narrow` or `wide`), how many points are `kept`, and writes
 * `build()` (its elements, once), `estimates(point)` (for the contract), `show(point)` (text, for the latest point) and
 * `draw()` (canvas, if it has one). One whose points are no plain list of values may write `table()`, which
 * gives `{ columns, rows }` for exports.
 */
export class Panel {
  constructor(spec, redraw) {
    const { points, ...description } = spec;
    this.spec = description; // the points are kept by the history, and no longer than by it
    this.unit = spec.unit;
    this.levels = levelsOf(spec);
    this.history = new History(this.constructor.kept);
    this.redraw = redraw;
    Object.assign(this, card(`panel ${this.constructor.shape}`, spec.title, spec.unit));
    this.root.dataset.panel = spec.id;
    this.root.dataset.kind = spec.kind;
    if (this.levels.length > 0) this.beyond = element("p", "beyond", this.titles);
    this.body = element("div", "body", this.root);
    this.waiting = element("p", "waiting", this.root);
    setText(this.waiting, "Waiting for data");
    this.build();
    panelMenu(this);
    this.add(points);
  }

  chart(options) {
    const requestDraw = () => this.redraw.requestDraw(this);
    return new Chart(element("div", "plot", this.body), { ...options, requestDraw });
  }

  add(points) {
    this.accept(this.history.add(points));
    this.redraw.request(this);
  }

  accept() {}

  get latest() {
    return this.history.latest;
  }

  refresh() {
    const { latest } = this;
    this.root.classList.toggle("is-empty", !latest);
    if (!latest) return;
    const contract = commonContract(this.estimates(latest));
    setText(this.contract, contract);
    setAttribute(this.contract, "title", contract);
    setText(this.remark, remarks(latest).join(" · "));
    if (this.beyond) this.warn(latest);
    this.show(latest);
  }

  /** Says whether the latest values are beyond a threshold. */
  warn(latest) {
    const text = beyond(this.levels, this.named(latest));
    setText(this.beyond, text);
    this.root.classList.toggle("is-beyond", text !== "");
  }

  /** The estimates of a point, each with a name if it needs one: what thresholds are compared with. */
  named() {
    return [];
  }

  /** The span of the history in words, for the summary of a chart. */
  span() {
    const { points } = this.history;
    if (points.length === 0) return `${this.name}: waiting for data`;
    return `${this.name}, ${points.length} points from ${moment(points[0].t)} to ${moment(points.at(-1).t)}`;
  }

  draw() {}
}

/** What a point says beside its values: that load shedding widened its intervals, that there are more series. */
function remarks({ kept, more }) {
  const found = [];
  if (kept >= 0 && kept < 1) {
    const percent = 100 * kept;
    found.push(`widened: ${percent < 1 ? "less than 1" : Math.min(Math.round(percent), 99)} % of records`);
  }
  if (more > 0) found.push(`${more} more not drawn`);
  return found;
}

/** An estimate as a screen reader says it. */
export function spoken(e) {
  const { value, interval } = estimate(e);
  return `${value}, ${interval}`;
}
