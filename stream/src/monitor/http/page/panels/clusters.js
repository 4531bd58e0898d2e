// A map of clusters: centres with their weights and trails, and a sample of
// points, with the same as a table beside it.

import { element, resize, setAttribute, setText } from "../dom.js";
import { finite, foreign, number } from "../format.js";
import { Scatter, share } from "../scatter.js";
import { looks } from "../symbols.js";
import { Panel } from "./panel.js";

const TRAIL = 60;
const MOST_CENTRES = 64;
const MOST_POINTS = 1000;

export class ClustersPanel extends Panel {
  static shape = "wide";
  static kept = TRAIL;

  build() {
    this.body.classList.add("beside");
    const host = element("div", "plot beside-main", this.body);
    const requestDraw = () => this.redraw.requestDraw(this);
    this.plot = new Scatter(host, { requestDraw, onRead: (id) => this.point(id) });
    const frame = element("div", "beside-list clusters-frame", this.body);
    frame.tabIndex = 0; // it scrolls, so the keyboard must reach it
    frame.setAttribute("role", "region");
    frame.setAttribute("aria-label", `Clusters of ${this.name}`);
    const table = element("table", "clusters-table", frame);
    this.head = element("tr", "", element("thead", "", table));
    resize(this.head, 4, () => element("th", "number"));
    for (const cell of this.head.children) cell.scope = "col";
    this.rows = element("tbody", "", table);
    this.model = null;
  }

  estimates(point) {
    const all = finite(point.all);
    const shown = centres(point).length;
    const part = all > shown ? `the ${shown} heaviest of ${number(all)} clusters` : `${shown} clusters`;
    const sample = Array.isArray(point.sample) ? Math.min(point.sample.length, MOST_POINTS) : 0;
    return [{ contract: sample > 0 ? `${part}, ${number(sample)} points as a sample` : part }];
  }

  show(point) {
    this.model = this.read(point);
    const { x, y } = this.model;
    ["cluster", "share", x, y].forEach((title, i) => setText(this.head.children[i], title));
    resize(this.rows, this.model.centres.length, row);
    this.model.centres.forEach((centre, i) => fill(this.rows.children[i], centre));
    this.point(this.plot.id);
  }

  /** The row of the cluster that is read on the map. */
  point(id) {
    this.model?.centres.forEach((centre, i) =>
      this.rows.children[i].classList.toggle("is-chosen", centre.id === id));
  }

  /** The map as it is drawn: what is no number is left out. */
  read(point) {
    const total = finite(point.weight);
    const trails = new Map();
    for (const past of this.history.points.slice(0, -1)) {
      for (const [id, x, y] of centres(past)) {
        if (!trails.has(id)) trails.set(id, []);
        trails.get(id).push([x, y]);
      }
    }
    const sample = Array.isArray(point.sample) ? point.sample.slice(0, MOST_POINTS) : [];
    return {
      x: foreign(point.axes?.x ?? "x", 40),
      y: foreign(point.axes?.y ?? "y", 40),
      equal: point.axes?.equal === true,
      centres: centres(point).map(([id, x, y, weight]) => ({
        id, x, y, weight, share: total > 0 ? weight / total : NaN, trail: trails.get(id) ?? [],
      })),
      points: sample
        .map((one) => (Array.isArray(one) ? [finite(one[0]), finite(one[1]), isId(one[2]) ? one[2] : null] : [NaN]))
        .filter(([x, y]) => !Number.isNaN(x) && !Number.isNaN(y)),
      summary: () => this.summary(),
    };
  }

  draw() {
    if (this.model) this.plot.draw(this.model);
  }

  /** The centres, for exports. */
  table() {
    const { x, y, centres: all } = this.model ?? { x: "x", y: "y", centres: [] };
    return { columns: ["cluster", "weight", x, y], rows: all.map((one) => [one.id, one.weight, one.x, one.y]) };
  }

  summary() {
    const { centres: all, x, y } = this.model;
    const heaviest = [...all].sort((a, b) => b.weight - a.weight).slice(0, 8);
    const told = heaviest.map((one) =>
      `cluster ${one.id} with ${share(one.share)} at ${x} ${number(one.x)}, ${y} ${number(one.y)}`);
    return `${this.name}: ${all.length} clusters. ${told.join("; ")}`;
  }
}

function isId(id) {
  return Number.isInteger(id) && id >= 0;
}

/** Centres as [id, x, y, weight] that have a place. */
function centres(point) {
  const all = Array.isArray(point.centres) ? point.centres.slice(0, MOST_CENTRES) : [];
  return all
    .filter((one) => Array.isArray(one) && isId(one[0]))
    .map(([id, x, y, weight]) => [id, finite(x), finite(y), finite(weight) || 0])
    .filter(([, x, y]) => !Number.isNaN(x) && !Number.isNaN(y));
}

function row() {
  const made = element("tr", "");
  const name = element("th", "", made);
  name.scope = "row";
  element("span", "glyph", name).setAttribute("aria-hidden", "true");
  element("span", "", name);
  for (let i = 0; i < 3; i += 1) element("td", "number", made);
  return made;
}

function fill(made, centre) {
  const [name, part, x, y] = made.children;
  const { glyph, color } = looks(centre.id);
  setText(name.firstElementChild, glyph);
  name.firstElementChild.style.color = `var(--${color})`;
  setText(name.lastElementChild, String(centre.id));
  setText(part, share(centre.share));
  setAttribute(part, "title", `weight ${number(centre.weight)}`);
  setText(x, number(centre.x));
  setText(y, number(centre.y));
}
