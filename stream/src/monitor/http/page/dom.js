// The few DOM helpers every view uses. Text reaches the document only through
// `textContent`, so nothing in the data can become markup.

/** A new element of the given class, appended to `parent` if there is one. */
export function element(tag, className, parent) {
  const node = document.createElement(tag);
  if (className) node.className = className;
  if (parent) parent.append(node);
  return node;
}

/** Sets the text only where it changed, which spares the browser a layout. */
export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

/** Sets an attribute only where it changed. */
export function setAttribute(node, name, value) {
  if (node.getAttribute(name) !== value) node.setAttribute(name, value);
}

/** Brings `parent` to exactly `count` children, which `make` builds. */
export function resize(parent, count, make) {
  while (parent.children.length > count) parent.lastElementChild.remove();
  while (parent.children.length < count) parent.append(make());
}
