// The page as one file that needs no server and runs nothing: what is seen, the
// charts as pictures, and the data of each panel as a table.

import { element, setText } from "./dom.js";
import { download, fileName, tableOf } from "./export.js";
import { foreign, moment } from "./format.js";
import { isDark } from "./theme.js";

/** Whatever the file holds, a browser runs and fetches nothing of it. */
const POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:";

/** Nothing that is only for hands, or that is not seen. */
const LEFT_OUT = "[hidden], button, .menu, .tooltip, .toolbar, .pages, .skip, script, template";

/** Saves what is shown; `panels` are those whose data go with it, by their id. */
export async function saveSnapshot(panels) {
  const sheets = [...document.querySelectorAll("link[rel=stylesheet]")].map(async ({ href }) => (await fetch(href)).text());
  const style = (await Promise.all(sheets)).join("\n");
  const html = snapshot(style, panels);
  download(fileName(`${document.documentElement.dataset.page ?? ""} snapshot`, "html"), "text/html", html);
}

function snapshot(style, panels) {
  // A document apart from the page: nothing in it loads or runs while it is made.
  const file = document.implementation.createHTMLDocument(document.title);
  const root = file.documentElement;
  root.lang = "en";
  root.className = "snapshot";
  root.dataset.theme = isDark() ? "dark" : "light";
  file.head.prepend(...[["charset", "utf-8"], ["viewport", "width=device-width, initial-scale=1"]].map(meta));
  const policy = element("meta", "", file.head);
  policy.httpEquiv = "Content-Security-Policy";
  policy.content = POLICY;
  file.head.prepend(policy);

  for (const part of document.querySelectorAll(".masthead, main")) file.body.append(still(part));
  const when = element("p", "clock", file.querySelector(".heading"));
  setText(when, `as seen ${moment(Math.floor(Date.now() / 1000) * 1000)}`);
  // The state of the connection is not that of the file.
  setText(file.querySelector(".status"), "snapshot");
  for (const card of file.body.querySelectorAll("[data-panel]")) {
    const panel = panels.get(card.dataset.panel);
    if (panel) card.append(dataTable(tableOf(panel)));
  }
  // A style element would fall under the policy of the page, text does not. What is text in the head has its `<` written out.
  const html = root.outerHTML.replace("</head>", () => `<style>\n${style}</style>\n</head>`);
  return `<!doctype html>\n${html}\n`;
}

function meta([name, content]) {
  const node = document.createElement("meta");
  if (name === "charset") node.setAttribute(name, content);
  else Object.assign(node, { name, content });
  return node;
}

/** A copy without what is for hands, its canvases as pictures. */
function still(part) {
  const copy = part.cloneNode(true);
  const canvases = part.querySelectorAll("canvas");
  copy.querySelectorAll("canvas").forEach((canvas, i) => canvas.replaceWith(picture(canvases[i])));
  for (const node of copy.querySelectorAll(LEFT_OUT)) node.remove();
  for (const node of [copy, ...copy.querySelectorAll("*")]) {
    for (const name of ["tabindex", "inert", "aria-live", "aria-modal"]) node.removeAttribute(name);
    if (node.getAttribute("role") === "status" || node.getAttribute("role") === "dialog") node.removeAttribute("role");
    node.classList.remove("is-full");
  }
  for (const image of copy.querySelectorAll("img.mark")) image.remove();
  return copy;
}

function picture(canvas) {
  const image = document.createElement("img");
  image.className = "drawn";
  image.alt = canvas.getAttribute("aria-label") ?? "";
  const isDrawn = canvas.width > 0 && canvas.height > 0 && canvas.clientWidth > 0;
  if (isDrawn) {
    image.src = canvas.toDataURL("image/png");
    image.width = canvas.clientWidth;
    image.height = canvas.clientHeight;
  }
  return image;
}

function dataTable({ columns, rows }) {
  const details = element("details", "data");
  setText(element("summary", "", details), `Data: ${rows.length} ${rows.length === 1 ? "row" : "rows"}`);
  const frame = element("div", "listing-frame", details);
  const body = element("table", "listing-table", frame);
  const head = element("tr", "", element("thead", "", body));
  for (const column of columns) {
    const cell = element("th", "", head);
    cell.scope = "col";
    setText(cell, foreign(column));
  }
  const lines = element("tbody", "", body);
  for (const row of rows) {
    const line = element("tr", "", lines);
    for (const value of row) {
      const isNumber = typeof value === "number";
      const text = value === null ? "" : isNumber ? String(value) : foreign(value);
      setText(element("bdi", "", element("td", isNumber ? "number" : "", line)), text);
    }
  }
  return details;
}
