// What panels with a canvas of their own share: a canvas that fits its host, says in words what it shows, and has a
// tooltip beside what is read.

import { element, resize, setAttribute, setText } from "../dom.js";

const FONT = 11;
const SUMMARY_EVERY_MS = 5000; // a screen reader should not be talked over

/**
 * A canvas in the element `host`. `reader` is told what is pointed at: `point(x, y)` in pixels, `key(name)`, which
 * returns whether the key means something, and `leave()`, which returns whether something was read.
 */
export class Surface {
  constructor(host, reader, requestDraw) {
    this.host = host;
    this.canvas = element("canvas", "", host);
    this.canvas.tabIndex = 0;
    this.canvas.setAttribute("role", "img");
    this.context = this.canvas.getContext("2d");
    this.summarized = -Infinity;
    this.tooltip = element("div", "tooltip", host);
    this.tooltip.setAttribute("aria-live", "polite"); // it is read out as the keys move it
    this.tooltip.hidden = true;
    this.when = element("p", "when", this.tooltip);
    this.readings = element("div", "readings is-plain", this.tooltip);
    this.listen(reader);
    // Held here, for a canvas that goes also lets its observer go.
    this.resized = new ResizeObserver(requestDraw);
    this.resized.observe(host);
  }

  listen(reader) {
    const { canvas } = this;
    for (const type of ["pointermove", "pointerdown"]) {
      canvas.addEventListener(type, (event) => reader.point(event.offsetX, event.offsetY));
    }
    for (const type of ["pointerleave", "blur"]) canvas.addEventListener(type, () => reader.leave());
    canvas.addEventListener("keydown", (event) => {
      if (event.shiftKey || event.ctrlKey || event.altKey || event.metaKey) return;
      const isMeant = event.key === "Escape" ? reader.leave() : reader.key(event.key);
      if (isMeant) event.preventDefault();
    });
  }

  /** Clears the canvas, sized to the pixels of the device. Its width and height; null while it is not laid out. */
  fit() {
    const { clientWidth: width, clientHeight: height } = this.host;
    if (width === 0 || height === 0) return null;
    const ratio = window.devicePixelRatio || 1;
    const [w, h] = [Math.round(width * ratio), Math.round(height * ratio)];
    if (this.canvas.width !== w || this.canvas.height !== h) Object.assign(this.canvas, { width: w, height: h });
    const ctx = this.context;
    ctx.setTransform(w / width, 0, 0, h / height, 0, 0);
    ctx.clearRect(0, 0, width, height);
    ctx.font = `${FONT}px ${getComputedStyle(this.canvas).fontFamily}`;
    return { width, height };
  }

  /** The longest start of a text that is not wider than `width` pixels. */
  fitting(text, width) {
    const fits = (shown) => this.context.measureText(shown).width <= width;
    if (fits(text)) return text;
    const characters = [...text];
    let [low, high] = [0, characters.length];
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (fits(`${characters.slice(0, middle).join("")}…`)) low = middle;
      else high = middle - 1;
    }
    return `${characters.slice(0, low).join("")}…`;
  }

  /** Text centred on `x`, moved where it would leave the canvas. */
  centred(text, x, y) {
    const half = this.context.measureText(text).width / 2;
    this.context.textAlign = "center";
    this.context.fillText(text, Math.min(Math.max(x, half + 1), this.host.clientWidth - half - 1), y);
  }

  /** Shows `rows` of a name, a value and its bounds, beside a point of the canvas. */
  tell(title, rows, x, y) {
    this.tooltip.hidden = false;
    setText(this.when, title);
    resize(this.readings, rows.length, reading);
    rows.forEach((row, i) => row.forEach((text, part) => setText(this.readings.children[i].children[part], text)));
    const { offsetWidth: width, offsetHeight: height } = this.tooltip;
    const host = this.host.getBoundingClientRect();
    const beside = x > host.width / 2 ? x - width - 12 : x + 12;
    const rightmost = document.documentElement.clientWidth - host.left - width - 8;
    const left = Math.max(Math.min(beside, rightmost), 8 - host.left);
    const top = Math.max(Math.min(y + 14, host.height - height), 0);
    this.tooltip.style.transform = `translate(${Math.round(left)}px, ${Math.round(top)}px)`;
  }

  quiet() {
    this.tooltip.hidden = true;
  }

  summarize(summary) {
    const now = performance.now();
    if (now - this.summarized < SUMMARY_EVERY_MS) return;
    this.summarized = now;
    setAttribute(this.canvas, "aria-label", summary());
  }
}

function reading() {
  const row = element("p", "reading");
  element("bdi", "reading-name", row);
  element("b", "reading-value", row);
  element("span", "reading-bounds", row);
  return row;
}
