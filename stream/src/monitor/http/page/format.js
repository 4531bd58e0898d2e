// Numbers, estimates, times and foreign text as the page prints them.

const ABSENT = "–";
const DAY = 86_400_000;
const LARGEST_TIME = 8.64e15; // the range of Date
const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

const groupings = new Map();

function grouped(value, decimals, padded) {
  const key = padded ? decimals : -1 - decimals;
  if (!groupings.has(key)) {
    groupings.set(key, new Intl.NumberFormat("en", {
      minimumFractionDigits: padded ? decimals : 0,
      maximumFractionDigits: decimals,
    }));
  }
  return groupings.get(key).format(value);
}

function scientific(value) {
  return value.toExponential(3).replace(/\.?0*e\+?/, "e");
}

/** Digits after the point that leave about four significant ones. */
function usualDecimals(value) {
  const size = Math.abs(value);
  if (Number.isInteger(value) || size >= 1000) return 0;
  if (size === 0) return 0;
  return Math.min(8, Math.max(0, 3 - Math.floor(Math.log10(size))));
}

function needsExponent(value) {
  const size = Math.abs(value);
  return size >= 1e15 || (size > 0 && size < 1e-4);
}

/** A number to read: grouped, with about four significant digits. */
export function number(value, decimals = usualDecimals(value), padded = false) {
  if (!Number.isFinite(value)) return ABSENT;
  if (value === 0) return "0";
  return needsExponent(value) ? scientific(value) : grouped(value, decimals, padded);
}

/** A number for the tooltip: integers in full, others with seven digits. */
export function precise(value) {
  if (!Number.isFinite(value)) return ABSENT;
  if (needsExponent(value)) return value.toExponential(6).replace(/\.?0*e\+?/, "e");
  const whole = Math.max(1, Math.floor(Math.log10(Math.abs(value) || 1)) + 1);
  return grouped(value, Math.max(0, 7 - whole), false);
}

/** A finite number, or NaN for null, text, infinities and overflow-prone sizes. */
export function finite(value) {
  return typeof value === "number" && Math.abs(value) <= 1e300 ? value : NaN;
}

/** Digits after the point that show two significant ones of `size`. */
function decimalsOf(size) {
  return size > 0 ? Math.min(8, Math.max(0, 1 - Math.floor(Math.log10(size)))) : 0;
}

/**
 * The digits an estimate is printed with. The width of its interval decides how
 * many carry meaning, so the value and both bounds get the same ones; a value
 * smaller than its interval still shows two. Null for each number's own.
 */
function sharedDecimals(value, lower, upper) {
  const width = upper - lower;
  const integers = [value, lower, upper].every(Number.isInteger);
  if (integers || !(width > 0)) return null;
  return decimalsOf(Math.min(width, Math.abs(value) || width));
}

/** Rounds outward to `decimals`: rounding must never narrow a guarantee. */
function outward(x, decimals, direction) {
  if (needsExponent(x)) return x;
  const unit = 10 ** (decimals ?? usualDecimals(x));
  const scaled = x * unit;
  // What is round already stays, though the product may be an ulp beside it.
  const round = Math.abs(scaled - Math.round(scaled)) <= Math.abs(scaled) * 1e-15;
  if (round) return Math.round(scaled) / unit;
  return (direction < 0 ? Math.floor(scaled) : Math.ceil(scaled)) / unit;
}

/** An estimate as two texts: its value, and what is guaranteed about it. */
export function estimate(e) {
  const value = finite(e?.value);
  const lower = finite(e?.lower);
  const upper = finite(e?.upper);
  const decimals = sharedDecimals(value, lower, upper);
  const print = (x) => (decimals === null ? number(x) : number(x, decimals, true));
  const bounds = [outward(lower, decimals, -1), outward(upper, decimals, 1)];
  // Whether they are equal is asked of the bounds themselves, not as rounded.
  const confidence = finite(e?.confidence);
  const known = lower === upper && !(confidence < 1) ? "exact" : interval(...bounds, print, confidence);
  return { value: print(value), interval: known };
}

function interval(lower, upper, print, confidence) {
  if (Number.isNaN(lower) && Number.isNaN(upper)) return "no guarantee";
  const at = confidence > 0 && confidence < 1 ? ` · ${percent(confidence)}` : "";
  if (Number.isNaN(upper)) return `≥ ${print(lower)}${at}`;
  if (Number.isNaN(lower)) return `≤ ${print(upper)}${at}`;
  return `[${print(lower)} – ${print(upper)}]${at}`;
}

/** The bounds of a tooltip row, with all their digits. */
export function preciseInterval(lower, upper) {
  return lower === upper ? "exact" : interval(lower, upper, precise, NaN);
}

function percent(share) {
  return `${grouped(share * 100, 3, false)} %`;
}

/** "p99" for 0.99; the ends are the minimum and the maximum. */
export function quantile(q) {
  if (q === 0) return "min";
  if (q === 1) return "max";
  return `p${grouped(q * 100, 4, false)}`;
}

/** A tick label with an SI prefix; `step` sets the digits that tell ticks apart. */
export function tick(value, step) {
  if (value === 0) return "0";
  const size = Math.max(Math.abs(value), Math.abs(step));
  if (size >= 1e18 || size < 1e-4) return scientific(value);
  let prefix = 0;
  while (prefix < 5 && size >= 1000 ** (prefix + 1)) prefix += 1;
  const unit = 1000 ** prefix;
  const decimals = Math.max(0, -Math.floor(Math.log10(Math.abs(step) / unit) + 1e-9));
  return grouped(value / unit, Math.min(8, decimals), false) + ["", "k", "M", "G", "T", "P"][prefix];
}

/** A number of bytes. */
export function bytes(n) {
  if (!Number.isFinite(n)) return ABSENT;
  const units = ["B", "kB", "MB", "GB", "TB"];
  let unit = 0;
  while (unit < units.length - 1 && Math.abs(n) >= 1000 ** (unit + 1)) unit += 1;
  const value = n / 1000 ** unit;
  return `${grouped(value, unit === 0 || Math.abs(value) >= 100 ? 0 : 1, false)} ${units[unit]}`;
}

/** A span of time, given in milliseconds. */
export function duration(ms) {
  if (!Number.isFinite(ms)) return ABSENT;
  if (Math.abs(ms) < 1000) return `${grouped(ms, Math.abs(ms) < 10 ? 2 : Math.abs(ms) < 100 ? 1 : 0, false)} ms`;
  if (ms < 60_000) return `${grouped(ms / 1000, 2, false)} s`;
  if (ms < 3_600_000) return `${Math.floor(ms / 60_000)} min ${Math.floor(ms / 1000) % 60} s`;
  return `${grouped(Math.floor(ms / 3_600_000), 0, false)} h ${Math.floor(ms / 60_000) % 60} min`;
}

/** Whether a number of milliseconds is a time a calendar can show. */
export function isTime(t) {
  return typeof t === "number" && Math.abs(t) <= LARGEST_TIME;
}

const two = (n) => String(n).padStart(2, "0");

/** HH:MM, with as many finer parts as a step of the time axis needs (UTC). */
export function clock(t, step = 1000) {
  const d = new Date(t);
  const minutes = `${two(d.getUTCHours())}:${two(d.getUTCMinutes())}`;
  if (step >= 60_000) return minutes;
  const seconds = `${minutes}:${two(d.getUTCSeconds())}`;
  return step >= 1000 ? seconds : `${seconds}.${String(d.getUTCMilliseconds()).padStart(3, "0")}`;
}

export function day(t) {
  const d = new Date(t);
  return `${d.getUTCDate()} ${MONTHS[d.getUTCMonth()]}`;
}

export function date(t) {
  return `${day(t)} ${new Date(t).getUTCFullYear()}`;
}

/** A whole moment, for the tooltip and the masthead. */
export function moment(t) {
  if (!isTime(t)) return ABSENT;
  return `${date(t)}, ${clock(t, t % 1000 === 0 ? 1000 : 1)} UTC`;
}

/** The two lines under a tick: the time itself, and the context it changes in. */
export function timeTick(t, step) {
  return step >= DAY ? [day(t), String(new Date(t).getUTCFullYear())] : [clock(t, step), date(t)];
}

/**
 * Foreign text made safe to read: control characters become their pictures,
 * invisible direction marks a replacement character (they could make a label
 * read as another one), and no label is longer than the page can lay out.
 */
export function foreign(text, longest = 240) {
  const whole = String(text ?? "");
  const cut = whole.length > longest ? `${whole.slice(0, longest).replace(/[\uD800-\uDBFF]$/, "")}…` : whole;
  const shown = cut
    .replace(/[\u0000-\u001f]/g, (c) => String.fromCharCode(0x2400 + c.charCodeAt(0)))
    .replace(/\u007f/g, "\u2421")
    .replace(/[\u0080-\u009f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff]/g, "\ufffd");
  return shown.trim() === "" ? "(empty)" : shown;
}
