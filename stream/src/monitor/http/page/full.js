// One panel over the whole window. Nothing that a browser could refuse: the card is
// laid over the page, and what is behind it cannot be reached.

import { element, setText } from "./dom.js";

let shown = null;

export const isFull = (card) => shown?.card === card;

export function showFull(card) {
  leaveFull();
  const behind = [];
  for (let node = card; node !== document.body; node = node.parentElement) {
    behind.push(...[...node.parentElement.children].filter((other) => other !== node && !other.inert && !other.matches("[role=status], script")));
  }
  for (const node of behind) node.inert = true;
  card.classList.add("is-full");
  card.setAttribute("role", "dialog");
  card.setAttribute("aria-modal", "true");
  document.documentElement.dataset.full = "";
  const button = element("button", "control", card.querySelector(".card-header"));
  button.type = "button";
  setText(button, "Close");
  button.setAttribute("aria-label", "Leave full screen");
  button.addEventListener("click", leaveFull);
  button.focus();
  shown = { card, behind, button };
}

export function leaveFull() {
  if (!shown) return;
  const { card, behind, button } = shown;
  shown = null;
  button.remove();
  for (const node of behind) node.inert = false;
  card.classList.remove("is-full");
  card.removeAttribute("role");
  card.removeAttribute("aria-modal");
  delete document.documentElement.dataset.full;
  card.querySelector(".menu-button")?.focus();
}

// What a chart or a menu took the key for comes before.
addEventListener("keydown", (event) => {
  if (event.key !== "Escape" || event.defaultPrevented || !shown) return;
  event.preventDefault();
  leaveFull();
});
