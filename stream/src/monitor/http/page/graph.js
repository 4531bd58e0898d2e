// The operators of a job as a graph: layered from the sources on the left to
// the outputs on the right, each with what it costs.

import { element, setAttribute, setText } from "./dom.js";
import { bytes, duration, finite, foreign, number } from "./format.js";
import { arrange } from "./layers.js";

const MOST = 200;
const WIDTH = 196;
const HEIGHT = 112;
const ACROSS = 56; // between two layers
const DOWN = 14; // between two of a layer
const LANE = 14; // what an arrow takes that passes a layer by
const MARGIN = 12;
/** From which share of the processing time on a colour holds. */
const STEPS = [0, 0.05, 0.15, 0.3, 0.5];
const SVG = "http://www.w3.org/2000/svg";

export class OperatorGraph {
  constructor(parent) {
    this.root = element("section", "card listing", parent);
    setText(element("h2", "title", this.root), "Operator graph");
    this.note = element("p", "contract", this.root);
    this.frame = element("div", "graph-frame", this.root);
    this.frame.setAttribute("role", "group");
    this.frame.setAttribute("aria-label", "Operators; the arrow keys follow the stream");
    this.plane = element("div", "graph-plane", this.frame);
    this.scale = element("p", "graph-scale", this.root);
    legend(this.scale);
    this.plane.addEventListener("keydown", (event) => this.key(event));
    this.shape = null;
    this.root.hidden = true;
  }

  /**
   * Shows operators, each with its `name` and the names of its `inputs`, and
   * `rate`: rows a second. A job that does not tell the inputs has no graph.
   */
  show(operators, batches) {
    const shown = operators.slice(0, MOST);
    this.root.hidden = !shown.some((operator) => Array.isArray(operator.inputs) && operator.inputs.length > 0);
    if (this.root.hidden) return;
    const more = operators.length - shown.length;
    setText(this.note, `mean of a batch; darker: more of the processing time${more > 0 ? `; ${more} more are not drawn` : ""}`);
    const shape = JSON.stringify(shown.map(({ name, inputs }) => [name, inputs]));
    if (shape !== this.shape) this.build(shown);
    this.shape = shape;
    const all = shown.reduce((sum, operator) => sum + (finite(operator.elapsed) || 0), 0) || 1;
    shown.forEach((operator, i) => this.tell(this.nodes[i], operator, (finite(operator.elapsed) || 0) / all, batches));
  }

  build(operators) {
    const size = { width: WIDTH, height: HEIGHT, across: ACROSS, down: DOWN, lane: LANE };
    const { places, edges, width, height } = arrange(operators, size);
    this.plane.replaceChildren();
    this.plane.style.width = `${width + 2 * MARGIN}px`;
    this.plane.style.height = `${height + 2 * MARGIN}px`;
    this.plane.append(arrows(edges, width, height));
    this.nodes = operators.map((operator, i) => {
      const node = nodeOf(this.plane);
      node.style.transform = `translate(${places[i].x + MARGIN}px, ${places[i].y + MARGIN}px)`;
      node.tabIndex = i === 0 ? 0 : -1;
      return node;
    });
    this.places = places;
    this.edges = edges;
    this.frame.scrollTo(0, (places[0]?.y ?? 0) - this.frame.clientHeight / 2 + HEIGHT);
  }

  tell(node, operator, share, batches) {
    const [name, kind, first, second, bar] = node.children;
    const elapsed = batches > 0 ? finite(operator.elapsed) / batches : NaN;
    const percent = `${share > 0 && share < 0.01 ? "< 1" : number(share * 100, 0)} %`;
    const rows = Number.isNaN(operator.rate) ? `${count(operator.rowsIn || operator.rowsOut)} rows` : `${number(operator.rate, 0)} rows/s`;
    const held = [
      typeof operator.stateBytes === "number" ? `${bytes(operator.stateBytes)} state` : "",
      operator.merges > 0 && batches > 0 ? `${tight(operator.merges / batches)} merges` : "",
    ].filter(Boolean).join(" · ");
    setText(name, foreign(operator.name, 120));
    setText(kind, `${foreign(operator.kind, 40)} · ${percent}`);
    setText(first, `${duration(elapsed)} · ${rows}`);
    setText(second, held);
    setAttribute(node, "data-heat", String(STEPS.findLastIndex((from) => share >= from)));
    bar.style.setProperty("--share", Math.min(1, share).toFixed(3));
    const inputs = (operator.inputs ?? []).map((input) => foreign(input, 60)).join(", ");
    const text = `${foreign(operator.name, 120)}, ${foreign(operator.kind, 40)}: ${percent} of the processing time, `
      + `${duration(elapsed)} a batch, ${rows}, ${count(operator.rowsIn)} rows in and ${count(operator.rowsOut)} out`
      + `${held ? `, ${held}` : ""}${inputs ? `; reads ${inputs}` : ""}`;
    setAttribute(node, "aria-label", text);
    setAttribute(node, "title", text);
  }

  /** The arrow keys: to an input, to an output, to a neighbour of the layer. */
  key(event) {
    const at = this.nodes.indexOf(event.target);
    if (at < 0) return;
    const beside = (direction) => {
      const { x, y } = this.places[at];
      const layer = this.places.map((place, i) => ({ ...place, i })).filter((place) => place.x === x);
      const further = layer.filter((place) => (place.y - y) * direction > 0);
      return further.sort((a, b) => (a.y - b.y) * direction)[0]?.i;
    };
    const to = {
      ArrowLeft: () => this.edges.find((edge) => edge.to === at)?.from,
      ArrowRight: () => this.edges.find((edge) => edge.from === at)?.to,
      ArrowUp: () => beside(-1),
      ArrowDown: () => beside(1),
      Home: () => 0,
      End: () => this.nodes.length - 1,
    }[event.key]?.();
    if (to === undefined) return;
    event.preventDefault();
    this.nodes[at].tabIndex = -1;
    this.nodes[to].tabIndex = 0;
    this.nodes[to].focus();
  }
}

const count = (value) => (typeof value === "number" ? number(value) : "–");

/** A number in the little room of a node. */
function tight(value) {
  const [unit, letter] = [[1e9, "G"], [1e6, "M"], [1e3, "k"]].find(([size]) => value >= 10 * size) ?? [1, ""];
  return `${number(value / unit, value < 10 ? 1 : 0)}${letter}`;
}

function nodeOf(parent) {
  const node = element("div", "graph-node", parent);
  node.setAttribute("role", "img");
  element("bdi", "graph-name", node);
  for (const line of ["graph-kind", "graph-line", "graph-line"]) element("span", line, node);
  element("i", "graph-share", node);
  return node;
}

/** The arrows, under the nodes. */
function arrows(edges, width, height) {
  const svg = document.createElementNS(SVG, "svg");
  const set = (node, attributes) => Object.entries(attributes).forEach(([name, value]) => node.setAttribute(name, value));
  const add = (parent, tag, attributes) => {
    const node = document.createElementNS(SVG, tag);
    set(node, attributes);
    parent.append(node);
    return node;
  };
  set(svg, { width: width + 2 * MARGIN, height: height + 2 * MARGIN, class: "graph-arrows", "aria-hidden": "true" });
  const marker = add(add(svg, "defs", {}), "marker", {
    id: "graph-head", viewBox: "0 0 8 8", refX: 7, refY: 4, markerWidth: 7, markerHeight: 7, orient: "auto",
  });
  add(marker, "path", { d: "M0 0 8 4 0 8z", class: "graph-head" });
  for (const { points } of edges) {
    const at = points.map(([x, y]) => [x + MARGIN, y + MARGIN]);
    const bends = at.slice(1).map(([x, y], i) => {
      const [fromX, fromY] = at[i];
      const middle = (fromX + x) / 2;
      return `C${middle} ${fromY} ${middle} ${y} ${x} ${y}`;
    });
    add(svg, "path", { d: `M${at[0].join(" ")}${bends.join("")}`, "marker-end": "url(#graph-head)" });
  }
  return svg;
}

function legend(parent) {
  setText(element("span", "", parent), "share of the processing time");
  STEPS.forEach((from, i) => {
    const entry = element("span", "graph-step", parent);
    setAttribute(element("i", "graph-swatch", entry), "data-heat", String(i));
    setText(element("span", "", entry), i === 0 ? `< ${STEPS[1] * 100} %` : `≥ ${number(from * 100, 0)} %`);
  });
}
