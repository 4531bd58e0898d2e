// The page itself: its connection to the job, its state and its layout.

import { setText } from "./dom.js";
import { Engine } from "./engine.js";
import { duration, finite, foreign, moment } from "./format.js";
import { JobPage } from "./job.js";
import { followAddress } from "./pages.js";
import { createPanel } from "./panels/index.js";
import { Redraw } from "./redraw.js";
import { onThemeChange, themeButton } from "./theme.js";

const RETRY_MS = 3000;
const SILENCE_MS = 5000;
const NARROWEST_NUMBER = 248;
const GAP = 16;

const root = document.documentElement;
const byId = (id) => document.getElementById(id);

/** The state of the page and the cards that show it. */
class Dashboard {
  constructor() {
    this.redraw = new Redraw();
    this.panels = new Map();
    this.engine = null;
    this.job = new JobPage(byId("page-engine"));
    followAddress((page) => this.turnTo(page));
    onThemeChange(() => this.redraw.requestAll());
    new ResizeObserver(() => this.balance()).observe(byId("numbers"));
  }

  /** Replaces everything by a snapshot, so that a new connection repeats nothing. */
  reset({ name, interval_ms, session, panels, engine }) {
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
    const narrow = (view) => view.root.classList.contains("narrow");
    byId("numbers").replaceChildren(...views.filter(narrow).map((view) => view.root));
    byId("charts").replaceChildren(...views.filter((view) => !narrow(view)).map((view) => view.root));
    for (const view of views) this.redraw.add(view);
    setText(byId("empty"), views.length > 0 ? "" : "The job shows no panels");
    this.balance();

    this.engine = new Engine(byId("engine"), byId("sources"), this.redraw);
    this.engine.add(engine);
    this.job.reset(this.engine.history, this.redraw);
    this.showClock();
  }

  turnTo(page) {
    if (page === "engine") this.job.show();
    else this.job.hide();
    this.balance();
  }

  /** Adds what is new since the last message. */
  update({ panels, engine }) {
    for (const panel of Array.isArray(panels) ? panels : []) {
      this.panels.get(panel?.id)?.add(panel.points);
    }
    this.engine?.add(engine);
    this.job.update();
    // A page that came before the first batch has not heard of the interval yet.
    this.interval = finite(engine?.at(-1)?.interval_ms) || this.interval;
    this.showClock();
  }

  showClock() {
    const times = [...this.panels.values()].map((view) => view.latest?.t ?? -Infinity);
    const latest = Math.max(...times);
    const batches = this.interval > 0 ? `batches of ${duration(this.interval)}` : "";
    const parts = [Number.isFinite(latest) ? `data up to ${moment(latest)}` : "", batches];
    setText(byId("clock"), parts.filter(Boolean).join(" · "));
  }

  /** Number cards in rows of equal length, as far as their count allows. */
  balance() {
    const grid = byId("numbers");
    const count = grid.children.length;
    const fit = Math.max(1, Math.floor((grid.clientWidth + GAP) / (NARROWEST_NUMBER + GAP)));
    const rows = Math.max(1, Math.ceil(count / fit));
    grid.style.setProperty("--columns", Math.max(1, Math.ceil(count / rows)));
  }
}

/** The connection: live, reconnecting, or finished with the job. */
class Connection {
  constructor(dashboard) {
    this.dashboard = dashboard;
    this.heard = performance.now();
    this.open();
    setInterval(() => this.showSilence(), 1000);
  }

  open() {
    this.source = new EventSource("/events");
    const on = (type, act) => this.source.addEventListener(type, (event) => this.receive(event, act));
    on("hello", (snapshot) => {
      this.dashboard.reset(snapshot);
      this.status("live");
    });
    on("update", (increment) => this.dashboard.update(increment));
    on("stopped", () => {
      this.source.close();
      this.status("finished");
    });
    this.source.addEventListener("error", () => this.lost());
  }

  receive(event, act) {
    this.heard = performance.now();
    this.showSilence();
    try {
      act(JSON.parse(event.data));
    } catch (error) {
      // One message that cannot be read must not end the page.
      console.error("streamgauge: a message was passed over:", error);
    }
  }

  lost() {
    this.status("reconnecting");
    // The browser tries again by itself, unless the server answered at all:
    // then (an error page of a proxy, say) it gives up and we must.
    if (this.source.readyState === EventSource.CLOSED) setTimeout(() => this.open(), RETRY_MS);
  }

  status(status) {
    root.dataset.status = status;
    setText(byId("status"), status);
    this.showSilence();
  }

  /** A connection can stay open and say nothing; the reader should know. */
  showSilence() {
    const silent = performance.now() - this.heard;
    const shown = root.dataset.status === "live" && silent > SILENCE_MS;
    setText(byId("silence"), shown ? `no update for ${duration(Math.floor(silent / 1000) * 1000)}` : "");
  }
}

themeButton(byId("theme"));
new Connection(new Dashboard());
