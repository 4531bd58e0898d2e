// The kinds of panels, each with its renderer.

import { setText } from "../dom.js";
import { AccuracyPanel } from "./accuracy.js";
import { AnomaliesPanel } from "./anomalies.js";
import { ClustersPanel } from "./clusters.js";
import { ConfusionPanel } from "./confusion.js";
import { AuditPanel } from "./audit.js";
import { DistributionPanel } from "./distribution.js";
import { HeatPanel } from "./heat.js";
import { NumberPanel } from "./number.js";
import { Panel } from "./panel.js";
import { SamplesPanel } from "./samples.js";
import { LinePanel, QuantilesPanel } from "./series.js";
import { TablePanel } from "./table.js";
import { TopPanel } from "./top.js";

const KINDS = new Map([
  ["audit", AuditPanel],
  ["number", NumberPanel],
  ["line", LinePanel],
  ["quantiles", QuantilesPanel],
  ["top", TopPanel],
  ["accuracy", AccuracyPanel],
  ["anomalies", AnomaliesPanel],
  ["clusters", ClustersPanel],
  ["confusion", ConfusionPanel],
  ["table", TablePanel],
  ["samples", SamplesPanel],
  ["heat", HeatPanel],
  ["distribution", DistributionPanel],
]);

/** A panel of a kind this page does not know: said, rather than left out. */
class UnknownPanel extends Panel {
  static shape = "wide";

  build() {
    setText(this.waiting, "This page cannot show this kind of panel");
  }

  refresh() {
    this.root.classList.add("is-empty");
  }
}

/** The view of a panel, from its description in the snapshot. */
export function createPanel(spec, redraw) {
  const Kind = KINDS.get(spec.kind) ?? UnknownPanel;
  return new Kind(spec, redraw);
}
