// The address says what is looked at: which page, how much of the past, which
// stretch of it. So it can be linked to, and is there again after a reload:
//
//     #engine    #page=Latency&range=5m    #page=Latency&zoom=1700000000000..1700000060000

import { isTime } from "./format.js";

/** The ranges to choose from, in milliseconds. */
export const RANGES = new Map([
  ["1m", 60_000],
  ["5m", 300_000],
  ["15m", 900_000],
  ["1h", 3_600_000],
  ["all", Infinity],
]);

/** What the address asks for; what it does not say, or says badly, is as at the start. */
export function readAddress() {
  const said = new URLSearchParams(location.hash.slice(1));
  const range = said.get("range");
  const zoom = (said.get("zoom") ?? "").split("..").map(Number);
  return {
    engine: said.has("engine"),
    page: said.get("page"),
    range: RANGES.has(range) ? range : "all",
    zoom: zoom.length === 2 && zoom.every(isTime) && zoom[0] < zoom[1] ? zoom : null,
  };
}

/** The address of a page with a range and a zoom. No `page` is the first one. */
export function hashOf({ engine, page, range, zoom }) {
  const more = new URLSearchParams();
  if (page !== null && !engine) more.set("page", page);
  if (range !== "all") more.set("range", range);
  if (zoom) more.set("zoom", zoom.map(Math.round).join(".."));
  const start = engine ? "engine" : page === null ? "answers" : "";
  return `#${[start, more.toString()].filter(Boolean).join("&")}`;
}
