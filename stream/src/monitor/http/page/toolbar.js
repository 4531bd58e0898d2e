// What the charts of the page show: the range of time, the zoom, and whether they go on.

import { RANGES } from "./address.js";
import { element, setText } from "./dom.js";
import { clock, day } from "./format.js";
import { span } from "./span.js";

const NAMES = { "1m": "1 min", "5m": "5 min", "15m": "15 min", "1h": "1 h", all: "All" };

/** The choice of the range, as radio buttons: one tab stop, and arrow keys. */
export function rangeChoice(root) {
  const buttons = [...RANGES.keys()].map((range) => {
    const label = element("label", "range-option", root);
    const button = element("input", "", label);
    Object.assign(button, { type: "radio", name: "range", value: range });
    setText(element("span", "", label), NAMES[range]);
    button.addEventListener("change", () => span.set(range, null));
    return button;
  });
  const show = () => buttons.forEach((button) => { button.checked = button.value === span.range; });
  span.listeners.push(show);
  show();
}

/** Says that the charts are zoomed, and leads back. */
export function unzoomButton(button) {
  const show = () => {
    const { zoom } = span;
    if (button.hidden !== !zoom) {
      // Focus may not fall out of the page with the button.
      if (!zoom && document.activeElement === button) document.getElementById("main").focus();
      button.hidden = !zoom;
    }
    if (!zoom) return;
    const [from, to] = zoom.map((t) => clock(t, zoom[1] - zoom[0] < 10_000 ? 1 : 1000));
    const days = day(zoom[0]) === day(zoom[1]) ? "" : `${day(zoom[0])}, `;
    setText(button, `${days}${from} – ${to} ✕`);
    button.setAttribute("aria-label", `Zoomed from ${from} to ${to} UTC: show the whole range`);
  };
  button.addEventListener("click", () => span.unzoom());
  span.listeners.push(show);
  show();
}
