// What arrives while the page is paused: kept, no more of it than would be shown.

const KEPT = 1000; // points of a panel, as in its history

export class Held {
  constructor() {
    this.updates = 0;
    this.snapshot = null; // a whole new state, if there was one
    this.panels = new Map();
    this.engine = [];
  }

  /** A whole state takes the place of all that came before it. */
  reset(snapshot) {
    Object.assign(this, new Held(), { snapshot, updates: this.updates + 1 });
  }

  add({ panels, engine, ...rest }) {
    this.updates += 1;
    for (const panel of Array.isArray(panels) ? panels : []) {
      const before = this.panels.get(panel?.id)?.points ?? [];
      const points = Array.isArray(panel?.points) ? panel.points : [];
      this.panels.set(panel?.id, { ...panel, points: before.concat(points).slice(-KEPT) });
    }
    if (Array.isArray(engine)) this.engine = this.engine.concat(engine).slice(-KEPT);
    this.rest = { ...this.rest, ...rest };
  }

  /** All of it as one update. */
  get update() {
    return { ...this.rest, panels: [...this.panels.values()], engine: this.engine };
  }
}
