// A number of the present, with a sparkline of its past.

import { Reading, series } from "../card.js";
import { seriesColor } from "../theme.js";
import { Panel, spoken } from "./panel.js";

export class NumberPanel extends Panel {
  static shape = "narrow";

  build() {
    this.reading = new Reading(this.body, this.unit);
    this.plot = this.chart({ axes: false });
  }

  estimates(point) {
    return [point.e];
  }

  show(point) {
    this.reading.estimate(point.e);
  }

  draw() {
    const { points, times } = this.history;
    this.plot.draw({
      times,
      series: [series(this.name, seriesColor(0), points.map((point) => point.e))],
      summary: () => `${this.span()}. Latest ${spoken(this.latest?.e)}`,
    });
  }
}
