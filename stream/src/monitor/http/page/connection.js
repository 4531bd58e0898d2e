// The connection: live, reconnecting, or finished with the job.

import { setText } from "./dom.js";
import { duration } from "./format.js";

const RETRY_MS = 3000;
const SILENCE_MS = 5000;

const root = document.documentElement;
const byId = (id) => document.getElementById(id);

export class Connection {
  /** Tells `dashboard` whole states (`reset`) and increments (`update`). */
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
