// The menu of a panel: what can be done with it.

import { element, setText } from "./dom.js";
import { download, fileName, tableOf, toCsv, toJson } from "./export.js";
import { isFull, leaveFull, showFull } from "./full.js";

let open = null; // one menu at a time, made when it is opened

/** Gives a panel its menu button. */
export function panelMenu(panel) {
  const button = element("button", "menu-button", panel.header);
  button.type = "button";
  setText(button, "⋯");
  button.setAttribute("aria-label", `Menu of ${panel.name}`);
  button.setAttribute("aria-expanded", "false");
  button.addEventListener("click", () => {
    if (open?.button === button) close();
    else show(button, actions(panel));
  });
}

function actions(panel) {
  const save = (kind, type, text) => download(fileName(panel.name, kind), type, text);
  const full = isFull(panel.root);
  return [
    [full ? "Leave full screen" : "Full screen", () => (full ? leaveFull() : showFull(panel.root))],
    ["Save as CSV", () => save("csv", "text/csv", toCsv(tableOf(panel)))],
    ["Save as JSON", () => save("json", "application/json", toJson(panel))],
  ];
}

function show(button, items) {
  close();
  const list = element("div", "menu");
  list.setAttribute("role", "group");
  list.setAttribute("aria-label", button.getAttribute("aria-label"));
  for (const [text, act] of items) {
    const item = element("button", "menu-item", list);
    item.type = "button";
    setText(item, text);
    item.addEventListener("click", () => {
      close();
      button.focus();
      act();
    });
  }
  button.after(list);
  button.setAttribute("aria-expanded", "true");
  list.addEventListener("keydown", (event) => move(event, [...list.children]));
  open = { button, list };
  list.firstElementChild.focus();
}

function move(event, items) {
  const at = items.indexOf(document.activeElement);
  const to = { ArrowDown: at + 1, ArrowUp: at - 1 + items.length, Home: 0, End: items.length - 1 }[event.key];
  if (to === undefined) return;
  event.preventDefault();
  items[to % items.length].focus();
}

function close() {
  open?.list.remove();
  open?.button.setAttribute("aria-expanded", "false");
  open = null;
}

const isOutside = (node) => open && !open.list.contains(node) && node !== open.button;

document.addEventListener("pointerdown", ({ target }) => {
  if (isOutside(target)) close();
});
document.addEventListener("focusin", ({ target }) => {
  if (isOutside(target)) close();
});
document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape" || !open) return;
  event.preventDefault();
  open.button.focus();
  close();
});
