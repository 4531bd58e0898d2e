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
    const { comparisons, misses } = point;
    setText(this.verdict, verdict(point));
    setText(this.latestText, latest(point));
    const breached = typeof point.breach === "number";
    this.root.classList.toggle("is-breached", breached);
    this.breach.hidden = !breached;
    if (breached) {
      const missed = `${whole(misses)} of ${whole(comparisons)} exact answers lie outside`;
      setText(this.breach, `⚠ Promise broken on ${moment(point.breach)}: ${missed}, more than chance explains`);
    }
  }

  draw() {
    const { points, times } = this.history;
    const error = points.map((point) => ({ value: point.error, lower: point.lower, upper: point.upper }));
    const only = (key) => points.map((point) => ({ value: point[key] }));
    const missed = points.map((point) => ({ value: point.missed > 0 ? point.error : null }));
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
  if (!(comparisons > 0)) return "No bound is promised: the error is shown, and nothing can be broken";
  const inside = percent(1 - misses / comparisons);
  return `${inside} of ${whole(comparisons)} inside; promised ${percent(promised)}`;
}

function latest(point) {
  const { value, interval } = estimate(point.e);
  const of = point.compared > 1 ? ` (furthest of ${whole(point.compared)})` : "";
  return `Latest${of}: ${value} ${interval}, exactly ${precise(finite(point.exact))}, error ${percent(point.error)}`;
}

function whole(n) {
  return number(finite(n), 0);
}

function percent(share) {
  const value = finite(share) * 100;
  return Number.isNaN(value) ? "–" : `${number(value, Math.abs(value) < 10 ? 2 : 1)} %`;
}
