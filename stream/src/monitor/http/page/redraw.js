// When views are drawn: once per animation frame at most, however many updates
// arrive, canvases only while their card is in view. Texts that are out of view
// follow now and then, for who searches or listens to the page.

const OUT_OF_VIEW_MS = 2000;

/** Canvases drawn in a frame: with many in view the others follow in the next ones, and no frame takes long. */
const MOST_A_FRAME = 8;

export class Redraw {
  constructor() {
    this.stale = new Set(); // views whose canvas is behind their data
    this.changed = new Set(); // views whose text is behind their data
    this.visible = new Set();
    this.views = new Map(); // by their element
    this.frame = null;
    this.swept = -Infinity; // when texts out of view were last brought up to date
    this.sweep = null;
    this.observer = new IntersectionObserver((entries) => this.scrolled(entries), {
      rootMargin: "120px 0px",
    });
  }

  /** Takes a view: its `root`, `refresh()` for the text, `draw()` for the canvas. */
  add(view) {
    this.views.set(view.root, view);
    this.observer.observe(view.root);
    this.request(view);
  }

  clear() {
    this.observer.disconnect();
    for (const set of [this.stale, this.changed, this.visible, this.views]) set.clear();
    this.swept = -Infinity;
  }

  /** The data of the view changed. */
  request(view) {
    this.changed.add(view);
    this.requestDraw(view);
  }

  /** Only the look of the view changed: its size, its colours, its crosshair. */
  requestDraw(view) {
    if (!this.views.has(view.root)) return;
    this.stale.add(view);
    this.schedule();
  }

  requestAll() {
    for (const view of this.views.values()) this.requestDraw(view);
  }

  scrolled(entries) {
    for (const { target, isIntersecting } of entries) {
      const view = this.views.get(target);
      if (!view) continue;
      if (isIntersecting) this.visible.add(view);
      else this.visible.delete(view);
    }
    this.schedule();
  }

  schedule() {
    this.frame ??= requestAnimationFrame(() => this.run());
  }

  run() {
    this.frame = null;
    const now = performance.now();
    const sweeps = now - this.swept >= OUT_OF_VIEW_MS;
    if (sweeps) this.swept = now;
    for (const view of [...this.changed]) {
      if (!sweeps && !this.visible.has(view)) continue;
      if (view.root.closest("[hidden]")) continue; // on another page
      this.changed.delete(view);
      attempt(() => view.refresh());
    }
    if (this.changed.size > 0) this.sweep ??= setTimeout(() => { this.sweep = null; this.schedule(); }, OUT_OF_VIEW_MS);
    let drawn = 0;
    for (const view of [...this.stale]) {
      if (!this.visible.has(view)) continue;
      if (drawn === MOST_A_FRAME) {
        this.schedule();
        break;
      }
      drawn += 1;
      this.stale.delete(view);
      attempt(() => view.draw());
    }
  }

  /** Brings all of the page that is shown up to date, in view or not. */
  drawAll() {
    this.swept = -Infinity;
    this.run();
    for (const view of [...this.stale]) {
      if (view.root.closest("[hidden]")) continue;
      this.stale.delete(view);
      attempt(() => view.draw());
    }
  }
}

/** One view that fails must not end the others. */
function attempt(act) {
  try {
    act();
  } catch (error) {
    console.error("streamgauge: a panel could not be shown:", error);
  }
}
