// A series with its strange readings marked, their scores with the threshold
// below it, and the latest alerts beside it.

import { series } from "../card.js";
import { element, resize, setAttribute, setText } from "../dom.js";
import { finite, foreign, moment, number } from "../format.js";
import { DIAMOND, TRIANGLE, symbol } from "../symbols.js";
import { Panel } from "./panel.js";

const MOST_ALERTS = 50;
const STRANGE = 1;
const ALERT = 2;

export class AnomaliesPanel extends Panel {
  static shape = "wide";

  build() {
    this.body.classList.add("beside");
    const charts = element("div", "beside-main", this.body);
    const chart = (className) => {
      const plot = this.chart({});
      charts.append(plot.host);
      plot.host.classList.add(className);
      return plot;
    };
    this.plot = chart("anomalies-values");
    setText(element("p", "beside-title", charts), "Score and threshold");
    this.strip = chart("anomalies-scores");
    this.side = element("div", "beside-list", this.body);
    this.side.hidden = true;
    this.heading = element("p", "beside-title", this.side);
    this.list = element("ol", "alerts", this.side);
    this.list.tabIndex = 0;
    this.list.setAttribute("role", "listbox");
    this.list.setAttribute("aria-label", `Latest alerts of ${this.name}`);
    this.list.addEventListener("keydown", (event) => this.key(event));
    this.list.addEventListener("blur", () => this.choose(null));
    this.alerts = [];
    this.chosen = null; // the time of the alert that is pointed out
  }

  estimates(point) {
    const threshold = finite(point.threshold);
    const marked = Number.isNaN(threshold) ? "alerts are marked" : `marked from a score of ${number(threshold)} on`;
    return [{ contract: marked }];
  }

  named(point) {
    return [["", { value: point.value }]];
  }

  show() {
    const alerts = this.history.points.filter((point) => point.alert === true);
    this.alerts = alerts.slice(-MOST_ALERTS).reverse();
    const count = alerts.length > MOST_ALERTS ? `the latest of ${number(alerts.length)}` : `${alerts.length}`;
    setText(this.heading, `Alerts: ${count}`);
    this.side.hidden = alerts.length === 0;
    resize(this.list, this.alerts.length, () => this.row());
    this.alerts.forEach((alert, i) => this.fill(this.list.children[i], alert, i));
    this.point();
  }

  row() {
    const row = element("li", "alert");
    row.setAttribute("role", "option");
    for (const part of ["alert-mark", "alert-time", "alert-value", "alert-score"]) element("span", part, row);
    setText(row.firstElementChild, "◆");
    row.firstElementChild.setAttribute("aria-hidden", "true");
    row.addEventListener("click", () => this.choose(this.alerts[[...this.list.children].indexOf(row)]?.t ?? null));
    return row;
  }

  fill(row, alert, i) {
    const [, when, value, score] = row.children;
    row.id = `alert-${this.root.dataset.panel}-${i}`;
    setText(when, moment(alert.t).replace(/ UTC$/, ""));
    setText(value, `${number(finite(alert.value))}${this.unit ? ` ${foreign(this.unit, 24)}` : ""}`);
    setText(score, `score ${number(finite(alert.score))}`);
  }

  key(event) {
    const at = this.alerts.findIndex((alert) => alert.t === this.chosen);
    const end = this.alerts.length - 1;
    const to = { ArrowDown: at + 1, ArrowUp: at < 0 ? 0 : at - 1, Home: 0, End: end }[event.key];
    if (event.key === "Escape") this.choose(null);
    if (to === undefined || end < 0) return;
    event.preventDefault();
    this.choose(this.alerts[Math.min(Math.max(to, 0), end)].t);
  }

  /** Points an alert out: in the list, and by the crosshair of both charts. */
  choose(t) {
    this.chosen = t;
    this.plot.hover.read(t);
    this.strip.hover.read(t);
    this.point();
    const row = this.list.querySelector("[aria-selected=true]");
    if (!row) return;
    // Only the list scrolls, not the page.
    const end = row.offsetTop + row.offsetHeight - this.list.clientHeight;
    this.list.scrollTop = Math.min(Math.max(this.list.scrollTop, end), row.offsetTop);
  }

  point() {
    const at = this.alerts.findIndex((alert) => alert.t === this.chosen);
    [...this.list.children].forEach((row, i) => setAttribute(row, "aria-selected", String(i === at)));
    setAttribute(this.list, "aria-activedescendant", at < 0 ? "" : this.list.children[at].id);
  }

  draw() {
    const { points, times } = this.history;
    const column = (name, color, key) => series(name, color, points.map((point) => ({ value: point[key] })));
    const values = column(this.name, "series-1", "value");
    // A column of the series, so that it is cut where the series is.
    values.marks = Uint8Array.from(points, (point) => (point.alert === true ? ALERT : isStrange(point) ? STRANGE : 0));
    this.plot.draw({
      times,
      series: [values],
      estimates: false,
      levels: this.levels,
      overlay: mark,
      summary: () => this.summary(),
    });
    this.strip.draw({
      times,
      series: [column("score", "series-6", "score"), column("threshold", "limit", "threshold")],
      estimates: false,
      summary: () => `Scores of ${this.span()}`,
    });
  }

  summary() {
    const { points } = this.history;
    const strange = points.filter(isStrange).length;
    const newest = this.alerts[0];
    const last = newest
      ? `. Latest alert ${moment(newest.t)}, value ${number(finite(newest.value))}, score ${number(finite(newest.score))}`
      : "";
    return `${this.span()}. ${strange} strange readings, ${points.filter((point) => point.alert === true).length} alerts${last}`;
  }
}

function isStrange(point) {
  return finite(point.score) >= finite(point.threshold);
}

/** Strange readings as hollow diamonds; alerts as full ones, with a tick on the time axis. */
function mark(ctx, { box, px, py }, { series: [{ values, marks }] }) {
  ctx.lineWidth = 1.4;
  marks.forEach((mark, i) => {
    if (mark === 0) return;
    const known = !Number.isNaN(values[i]);
    if (known) symbol(ctx, DIAMOND, px[i], py(values[i]), mark === ALERT ? 5 : 3.2, "limit", mark !== ALERT);
    if (mark === ALERT) symbol(ctx, TRIANGLE, px[i], box.bottom - 3, 3.5, "limit");
  });
}
