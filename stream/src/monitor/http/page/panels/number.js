// A number of the present, with a sparkline of its past.

import { Reading } from "../card.js";
import { seriesColor } from "../theme.js";
import { TimeSeries } from "../timeseries.js";
import { Panel, spoken } from "./panel.js";

export class NumberPanel extends Panel {
  static shape = "narrow";

  build() {
    this.columns = new TimeSeries((point) => this.named(point));
    this.columns.add("");
    this.reading = new Reading(this.body, this.unit);
    this.plot = this.chart({ axes: false });
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
    this.columns.sync(this.history.points);
    this.plot.draw({
      times: this.columns.times,
      series: [this.columns.of("", this.name, seriesColor(0))],
      levels: this.levels,
      summary: () => `${this.span()}. Latest ${spoken(this.latest?.e)}`,
    });
  }
}
