// Scales and ticks: the arithmetic between data and pixels.

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const YEAR = 365 * DAY;

const TIME_STEPS = [
  1, 2, 5, 10, 20, 50, 100, 200, 500,
  SECOND, 2 * SECOND, 5 * SECOND, 10 * SECOND, 15 * SECOND, 30 * SECOND,
  MINUTE, 2 * MINUTE, 5 * MINUTE, 10 * MINUTE, 15 * MINUTE, 30 * MINUTE,
  HOUR, 2 * HOUR, 3 * HOUR, 6 * HOUR, 12 * HOUR,
  DAY, 2 * DAY, 7 * DAY, 14 * DAY, 28 * DAY, 91 * DAY, 182 * DAY,
];

/** A function from the domain to pixels. */
export function linear([low, high], [from, to]) {
  const slope = (to - from) / (high - low);
  return (x) => from + (x - low) * slope;
}

/** As `linear`, on a logarithmic axis; values at or below 0 lie on its floor. */
export function logarithmic([low, high], range) {
  const scale = linear([Math.log10(low), Math.log10(high)], range);
  return (x) => scale(Math.log10(Math.max(x, low)));
}

/** The smallest of 1, 2, 5 times a power of ten that is at least `rough`. */
export function niceStep(rough) {
  const power = 10 ** Math.floor(Math.log10(rough));
  return power * [1, 2, 5, 10].find((factor) => factor * power >= rough * (1 - 1e-9));
}

export function multiples(step, low, high) {
  const ticks = [];
  const first = Math.ceil(low / step - 1e-9);
  const last = Math.min(Math.floor(high / step + 1e-9), first + 50);
  for (let i = first; i <= last; i += 1) ticks.push(i * step);
  return ticks;
}

/** The extent of finite numbers over several columns; null if there are none. */
export function extent(columns) {
  let low = Infinity;
  let high = -Infinity;
  for (const column of columns) {
    for (let i = 0; i < column.length; i += 1) {
      const x = column[i];
      if (x < low) low = x;
      if (x > high) high = x;
    }
  }
  return low <= high ? [low, high] : null;
}

/**
 * The extent of values together with their bounds. A bound may widen it only
 * so far: one that says nearly nothing must not flatten the line.
 */
export function boundedExtent(values, bounds) {
  const inner = extent(values);
  const outer = extent(bounds);
  if (!inner || !outer) return inner;
  const room = Math.max(inner[1] - inner[0], Math.abs(inner[0]), Math.abs(inner[1]));
  return [
    Math.max(Math.min(inner[0], outer[0]), inner[0] - room),
    Math.min(Math.max(inner[1], outer[1]), inner[1] + room),
  ];
}

/** A linear axis around an extent: it ends on ticks, so it seldom moves. */
export function linearAxis([low, high], count) {
  if (high - low <= Math.abs(high) * 1e-9) {
    const room = Math.abs(high) * 0.1 || 1;
    [low, high] = [low >= 0 ? Math.max(0, low - room) : low - room, high + room];
  } else if (low > 0 && low < high * 0.5) {
    low = 0; // near enough that a truncated axis would exaggerate
  }
  const step = niceStep((high - low) / count);
  const domain = [Math.floor(low / step + 1e-9) * step, Math.ceil(high / step - 1e-9) * step];
  return { domain, step, ticks: multiples(step, ...domain) };
}

/** A sparkline has no axis to read, so its line may use all of the height. */
export function tightAxis([low, high]) {
  const room = Math.max(Math.abs(high) * 1e-9, (high - low) * 0.04) || 1;
  return { domain: [low - room, high + room], step: 1, ticks: [] };
}

/** A logarithmic axis around the positive part of an extent; null without one. */
export function logarithmicAxis([low, high], count) {
  if (!(high > 0)) return null;
  const floor = low > 0 ? Math.max(low, high * 1e-12) : high * 1e-3;
  const domain = [floor / 1.15, high * 1.15];
  const decades = Math.log10(domain[1] / domain[0]);
  const factors = decades * 3 <= count + 1 ? [1, 2, 5] : [1];
  const every = Math.max(1, Math.ceil(decades / count));
  const ticks = [];
  for (let power = Math.floor(Math.log10(domain[0])); power <= Math.log10(domain[1]); power += 1) {
    if (power % every !== 0) continue;
    ticks.push(...factors.map((factor) => factor * 10 ** power));
  }
  const inside = ticks.filter((x) => x >= domain[0] && x <= domain[1]);
  if (inside.length >= 3) return { domain, step: null, ticks: inside };
  // Less than about a decade: the round numbers of a linear axis serve better.
  const step = niceStep((domain[1] - domain[0]) / count);
  return { domain, step, ticks: multiples(step, ...domain) };
}

/** The index of the first of sorted times for which `beyond` holds; all after it hold too. */
function firstWhere(times, beyond) {
  let low = 0;
  let high = times.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (beyond(times[middle])) high = middle;
    else low = middle + 1;
  }
  return low;
}

/** The index of the first time that is not before `t`. */
export function from(times, t) {
  return firstWhere(times, (time) => time >= t);
}

/** The index of the first time after `t`. */
export function after(times, t) {
  return firstWhere(times, (time) => time > t);
}

/** A time axis: from the first time to the last, ticks on round UTC times. */
export function timeAxis([first, last], count) {
  const domain = first === last ? [first - 500, last + 500] : [first, last];
  const rough = (domain[1] - domain[0]) / count;
  const step = TIME_STEPS.find((s) => s >= rough) ?? Math.ceil(rough / YEAR) * YEAR;
  return { domain, step, ticks: multiples(step, ...domain) };
}

/** The index of the time nearest to `t`, in sorted times. */
export function nearest(times, t) {
  let low = 0;
  let high = times.length - 1;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (times[middle] <= t) low = middle;
    else high = middle;
  }
  return t - times[low] <= times[high] - t ? low : high;
}
