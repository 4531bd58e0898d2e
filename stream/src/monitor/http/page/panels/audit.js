// Observed errors against the promised bound over time, and in words how many
// exact answers lie inside.

import { series } from "../card.js";
import { element, setText } from "../dom.js";
import { estimate, finite, moment, number, precise } from "../format.js";
import { seriesColor } from "../theme.js";
import { Panel } from "./panel.js";

const MISS = "limit";
const BOUND = "muted";

export class AuditPanel extends Panel {
  static shape = "wide";

  build() {
    this.breach = element("p", "audit-breach", this.body);
    this.breach.setAttribute("role", "status");
    this.breach.hidden = true;
    this.verdict = element("p", "audit-verdict", this.body);
    this.latestText = element("p", "audit-latest", this.body);
    this.plot = this.chart();
  }

  estimates(point) {
    return [point.e];
  }

  show(point) {
    setText(this.verdict, verdict(point));
    setText(this.latestText, latest(point));
    const breached = typeof point.breach === "number";
    this.root.classList.toggle("is-breached", breached);
    this.breach.hidden = !breached;
    const text = "more exact answers lie outside than chance explains";
    if (breached) setText(this.breach, `⚠ Promise broken, as of ${moment(point.breach)}: ${text}`);
  }

  draw() {
    const { points, times } = this.history;
    const error = points.map(({ error, lower, upper }) =>
      ({ value: hundredfold(error), lower: hundredfold(lower), upper: hundredfold(upper) }));
    const only = (key) => error.map((e) => ({ value: e[key] }));
    const missed = error.map((e, i) => ({ value: points[i].missed > 0 ? e.value : null }));
    this.plot.draw({
      times,
      series: [
        series("Lowest error promised", BOUND, only("lower")),
        series("Highest error promised", BOUND, only("upper")),
        series("Observed error", seriesColor(0), error),
        series("Outside of the bound", MISS, missed),
      ],
      print: percent,
      estimates: false,
      summary: () => `${this.span()}. ${this.latest ? `${verdict(this.latest)}. ${latest(this.latest)}` : ""}`,
    });
  }
}

/** "97.2 % of 1,431 inside; promised 95 %". */
function verdict({ comparisons, misses, promised }) {
  if (!(comparisons > 0)) return "No bound is promised";
  // Rounded down: what is printed is never more than what was found.
  const inside = Math.floor(1000 * (1 - misses / comparisons)) / 10;
  return `${percent(inside, 1)} of ${whole(comparisons)} inside; promised ${percent(hundredfold(promised), 1)}`;
}

function latest(point) {
  const { value, interval } = estimate(point.e);
  const of = point.compared > 1 ? ` (furthest of ${whole(point.compared)})` : "";
  return `Latest${of}: ${value} ${interval}, exactly ${precise(finite(point.exact))}, error ${percent(hundredfold(point.error))}`;
}

function whole(n) {
  return number(finite(n), 0);
}

function hundredfold(share) {
  return finite(share) * 100;
}

function percent(value, decimals) {
  return Number.isNaN(value) ? "–" : `${number(value, decimals)} %`;
}
