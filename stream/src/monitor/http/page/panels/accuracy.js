// How good predictions are over time: accuracy with its interval, and figures of the same scale.

import { LinePanel } from "./series.js";

export class AccuracyPanel extends LinePanel {
  /** What is promised is promised of the accuracy, which comes first. */
  estimates(point) {
    return super.estimates(point).slice(0, 1);
  }
}
