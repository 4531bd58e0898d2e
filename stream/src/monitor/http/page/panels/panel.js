// What all panels have: a card, a bounded history, and a word while it is empty.

import { card, commonContract } from "../card.js";
import { Chart } from "../chart.js";
import { element, setAttribute, setText } from "../dom.js";
import { estimate, moment } from "../format.js";
import { History } from "../history.js";

/**
 * The view of a panel. A kind of panel says its `shape` (`narrow` or `wide`), how many points are `kept`, and writes
 * `build()` (its elements, once), `estimates(point)` (for the contract), `show(point)` (text, for the latest point) and
 * `draw()` (canvas, if it has one).
 */
export class Panel {
  constructor(spec, redraw) {
    this.unit = spec.unit;
    this.history = new History(this.constructor.kept);
    this.redraw = redraw;
    Object.assign(this, card(`panel ${this.constructor.shape}`, spec.title, spec.unit));
    this.root.dataset.panel = spec.id;
    this.root.dataset.kind = spec.kind;
    this.body = element("div", "body", this.root);
    this.waiting = element("p", "waiting", this.root);
    setText(this.waiting, "Waiting for data");
    this.build();
    this.add(spec.points);
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
    this.show(latest);
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
