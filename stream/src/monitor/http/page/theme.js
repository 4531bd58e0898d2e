// The light and the dark theme. The style sheet holds the colours; a canvas
// asks here for the ones it paints with.

const KEY = "streamgauge.theme";
const SERIES = 8; // as many as a chart has lines

const root = document.documentElement;
const system = matchMedia("(prefers-color-scheme: dark)");
const resolved = new Map();
const listeners = [];

// A custom property reads back as written, `light-dark(…)` and all; the colour
// of an element that uses it reads back as the colour it came to.
const probe = document.createElement("span");
probe.hidden = true;

/** The present colour of the custom property `--name`. */
export function color(name) {
  if (!resolved.has(name)) {
    if (!probe.isConnected) document.body.append(probe);
    probe.style.color = `var(--${name})`;
    resolved.set(name, getComputedStyle(probe).color);
  }
  return resolved.get(name);
}

/** The name of the colour of the `index`-th series. */
export function seriesColor(index) {
  return `series-${(index % SERIES) + 1}`;
}

/** Whether the page is dark now. */
export function isDark() {
  return root.dataset.theme ? root.dataset.theme === "dark" : system.matches;
}

/** Calls `listener` whenever the colours change. */
export function onThemeChange(listener) {
  listeners.push(listener);
}

/** Makes `button` switch between the themes, and remembers the choice. */
export function themeButton(button) {
  const show = () => {
    const dark = isDark();
    button.textContent = dark ? "Light" : "Dark";
    button.setAttribute("aria-label", `Switch to the ${dark ? "light" : "dark"} theme`);
    resolved.clear();
    for (const listener of listeners) listener();
  };
  const chosen = remembered();
  if (chosen) root.dataset.theme = chosen;
  show();
  system.addEventListener("change", show);
  button.addEventListener("click", () => {
    root.dataset.theme = isDark() ? "light" : "dark";
    remember(root.dataset.theme);
    show();
  });
}

// Storage is denied in some private windows; the toggle then lasts as long as
// the page.
function remembered() {
  try {
    const theme = localStorage.getItem(KEY);
    return theme === "light" || theme === "dark" ? theme : null;
  } catch {
    return null;
  }
}

function remember(theme) {
  try {
    localStorage.setItem(KEY, theme);
  } catch {
    // See above.
  }
}
