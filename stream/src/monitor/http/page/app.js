// The page itself: what it knows of the job, and the views that show it.

import { Connection } from "./connection.js";
import { setText } from "./dom.js";
import { Engine } from "./engine.js";
import { duration, finite, foreign, moment } from "./format.js";
import { leaveFull } from "./full.js";
import { Held } from "./held.js";
import { JobPage } from "./job.js";
import { Layout } from "./layout.js";
import { Pages } from "./pages.js";
import { createPanel } from "./panels/index.js";
import { Redraw } from "./redraw.js";
import { saveSnapshot } from "./snapshot.js";
import { span } from "./span.js";
import { onThemeChange, themeButton } from "./theme.js";
import { rangeChoice, unzoomButton } from "./toolbar.js";

const root = document.documentElement;
const byId = (id) => document.getElementById(id);

/** The state of the page and the cards that show it. */
class Dashboard {
  constructor() {
    this.redraw = new Redraw();
    this.panels = new Map();
    this.engine = null;
    this.held = null; // while it is paused
    this.job = new JobPage(byId("page-engine"));
    this.layout = new Layout(byId("panels"));
    this.pages = new Pages(document.querySelector(".pages"), (page, engine) => this.turnTo(page, engine));
    onThemeChange(() => this.redraw.requestAll());
    span.listeners.push(() => this.redraw.requestAll());
    byId("pause").addEventListener("click", () => (this.held ? this.resume() : this.pause()));
    byId("snapshot").addEventListener("click", () => this.save());
  }

  /** Replaces everything by a snapshot, so that a new connection repeats nothing. */
  reset(snapshot) {
    if (this.held) {
      this.held.reset(snapshot);
      return;
    }
    const { name, interval_ms, session, panels, engine } = snapshot;
    leaveFull();
    this.redraw.clear();
    this.panels.clear();
    this.interval = finite(interval_ms);
    root.dataset.session = session ?? "";
    const title = foreign(name ?? "streamgauge", 80);
    setText(byId("name"), title);
    document.title = `${title} · streamgauge`;

    for (const spec of Array.isArray(panels) ? panels : []) {
      if (spec && !this.panels.has(spec.id)) this.panels.set(spec.id, createPanel(spec, this.redraw));
    }
    const views = [...this.panels.values()];
    this.pages.offer(this.layout.place(views));
    for (const view of views) this.redraw.add(view);
    setText(byId("empty"), views.length > 0 ? "" : "The job shows no panels");

    this.engine = new Engine(byId("engine"), byId("sources"), this.redraw);
    this.engine.add(engine);
    this.job.reset(this.engine.history, this.redraw);
    this.showClock();
  }

  turnTo(page, engine) {
    this.onEngine = engine;
    leaveFull();
    this.layout.turnTo(page);
    this.redraw.requestAll();
    if (engine && !this.held) this.job.show();
    else this.job.hide();
  }

  /** Adds what is new since the last message. */
  update(increment) {
    if (this.held) {
      this.held.add(increment);
      this.showWaiting();
      return;
    }
    const { panels, engine } = increment;
    for (const panel of Array.isArray(panels) ? panels : []) {
      this.panels.get(panel?.id)?.add(panel.points);
    }
    this.engine?.add(engine);
    this.job.update();
    // A page that came before the first batch has not heard of the interval yet.
    this.interval = finite(engine?.at(-1)?.interval_ms) || this.interval;
    this.showClock();
  }

  /** The page stands still; what arrives is kept. */
  pause() {
    this.held = new Held();
    this.job.hide();
    this.showPause(`paused at ${moment(Math.floor(Date.now() / 1000) * 1000)}`);
  }

  /** Shows all that came meanwhile. */
  resume() {
    const { snapshot, update } = this.held;
    this.held = null;
    if (snapshot) this.reset(snapshot);
    this.update(update);
    if (this.onEngine) this.job.show();
    this.showPause("");
  }

  showPause(text) {
    const paused = text !== "";
    setText(byId("paused"), text);
    setText(byId("pause"), paused ? "Resume" : "Pause");
    byId("pause").setAttribute("aria-pressed", String(paused));
    if (paused) root.dataset.paused = "";
    else delete root.dataset.paused;
    this.showWaiting();
  }

  showWaiting() {
    const count = this.held?.updates ?? 0;
    setText(byId("waiting"), count > 0 ? `${count} ${count === 1 ? "update" : "updates"} waiting` : "");
  }

  async save() {
    this.redraw.drawAll();
    await saveSnapshot(new Map([...this.panels].map(([id, panel]) => [String(id), panel])));
  }

  showClock() {
    let latest = -Infinity;
    for (const view of this.panels.values()) latest = Math.max(latest, view.latest?.t ?? -Infinity);
    const batches = this.interval > 0 ? `batches of ${duration(this.interval)}` : "";
    const parts = [Number.isFinite(latest) ? `data up to ${moment(latest)}` : "", batches];
    setText(byId("clock"), parts.filter(Boolean).join(" · "));
  }
}

const dashboard = new Dashboard();
themeButton(byId("theme"));
rangeChoice(byId("range"));
unzoomButton(byId("unzoom"));
// The address holds what is shown, so it cannot be the way to the main part.
byId("skip").addEventListener("click", (event) => {
  event.preventDefault();
  byId("main").focus();
});
new Connection(dashboard);
