// A number of the present, with a sparkline of its past.

import { Reading } from "../card.js";
import { Columns } from "../columns.js";
import { seriesColor } from "../theme.js";
import { Panel, spoken } from "./panel.js";

export class NumberPanel extends Panel {
  static shape = "narrow";

  build() {
    this.columns = new Columns(this.history.longest);
    this.columns.add("");
    this.reading = new Reading(this.body, this.unit);
    this.plot = this.chart({ axes: false });
  }

  accept(points) {
    for (const point of points) this.columns.put(point.t, [["", point.e]]);
  }

  estimates(point) {
    return [point.e];
  }

  named(point) {
    return [["", point.e]];
  }

  show(point) {
    this.reading.estimate(point.e);
  }

  draw() {
    this.plot.draw({
      times: this.columns.times,
      series: [this.columns.of("", this.name, seriesColor(0))],
      levels: this.levels,
      summary: () => `${this.span()}. Latest ${spoken(this.latest?.e)}`,
    });
  }
}
