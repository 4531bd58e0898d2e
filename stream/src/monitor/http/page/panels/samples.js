// Sampled records as text, and what they stand for.

import { element, resize, setAttribute, setText } from "../dom.js";
import { finite, foreign, moment, number } from "../format.js";
import { Panel } from "./panel.js";

const MOST_RECORDS = 100;

export class SamplesPanel extends Panel {
  static shape = "wide";
  static kept = 1;

  build() {
    this.list = element("ol", "records", this.body);
    this.list.tabIndex = 0; // it scrolls, so the keyboard must reach it
    this.list.setAttribute("aria-label", this.name);
    this.when = element("p", "as-of", this.header);
  }

  estimates(point) {
    return [point];
  }

  show(point) {
    const rows = Array.isArray(point.rows) ? point.rows.slice(0, MOST_RECORDS) : [];
    setText(this.when, moment(point.t));
    resize(this.list, rows.length, record);
    rows.forEach((row, i) => {
      const [about, text] = this.list.children[i].children;
      const weight = finite(row?.weight);
      const facts = [
        row?.stratum === undefined ? "" : foreign(row.stratum, 60),
        Number.isNaN(weight) ? "" : `weight ${number(weight)}`,
      ];
      setText(about, facts.filter(Boolean).join(" · "));
      const shown = foreign(row?.text);
      setText(text, shown);
      setAttribute(text, "title", shown);
    });
  }
}

function record() {
  const row = element("li", "record");
  element("bdi", "record-about", row);
  element("bdi", "record-text", row);
  return row;
}
