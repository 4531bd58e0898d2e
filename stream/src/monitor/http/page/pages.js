// The pages: those of the job, and that of the engine. One is shown, the address says
// which, and what the charts of it show.

import { hashOf, readAddress } from "./address.js";
import { element, resize, setAttribute, setText } from "./dom.js";
import { foreign } from "./format.js";
import { span } from "./span.js";

const ENGINE = Symbol("engine");

export class Pages {
  /** `turned(name, engine)` is called when another page is to be shown. */
  constructor(nav, turned) {
    this.nav = nav;
    this.turned = turned;
    this.names = [""];
    this.known = false; // until the job has named them, the address may ask for any
    this.shown = null;
    addEventListener("hashchange", () => this.follow());
    span.listeners.push(() => this.write());
    this.follow();
  }

  /** Offers these pages of the job. */
  offer(names) {
    this.names = names.length > 0 ? names : [""];
    this.known = true;
    this.shown = null; // it is to be shown again, with other panels
    this.follow();
  }

  /** Shows what the address asks for; the first page if it asks for one that is not there. */
  follow() {
    const { engine, page, range, zoom } = readAddress();
    const name = engine ? ENGINE : this.names.includes(page) ? page : this.names[0];
    // The engine's clock is another one: a stretch of the data means nothing there.
    const turnsClock = this.shown !== null && (this.shown === ENGINE) !== engine;
    const from = this.shown;
    this.shown = name;
    span.set(range, turnsClock ? null : zoom);
    this.write();
    if (name === from) return;
    document.getElementById("page-answers").hidden = engine;
    document.getElementById("page-engine").hidden = !engine;
    document.documentElement.dataset.page = engine ? "engine" : name || "answers";
    this.turned(engine ? null : name, engine);
  }

  /** The address as things stand, and the links with it. */
  write() {
    const { range, zoom } = span;
    const address = (name) => ({ engine: name === ENGINE, page: name === ENGINE || name === "" ? null : name, range });
    const sameClock = (name) => (name === ENGINE) === (this.shown === ENGINE);
    const hash = hashOf({ ...address(this.shown), zoom });
    // No address at all is the first page, too.
    const differs = this.known && location.hash !== hash;
    if (differs && !(location.hash === "" && hash === "#answers")) history.replaceState(null, "", hash);
    const all = [...this.names, ENGINE];
    resize(this.nav, all.length, () => element("a", ""));
    all.forEach((name, i) => {
      const link = this.nav.children[i];
      const title = name === ENGINE ? "Engine" : foreign(name || "Answers", 80);
      setText(link, title);
      setAttribute(link, "title", title);
      setAttribute(link, "href", hashOf({ ...address(name), zoom: sameClock(name) ? zoom : null }));
      if (name === this.shown) setAttribute(link, "aria-current", "page");
      else link.removeAttribute("aria-current");
    });
  }
}
