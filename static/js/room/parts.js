// Parts of the page that the server shows anew: what stays the same is left alone, with its focus.

import { fragment } from "./log.js";

/** Make the contents of an element those of `html`; true if they were others. Children with the same `id` that did not change
    stay, so that nobody loses their place in them. */
export const renew = (id, html) => {
  const element = document.getElementById(id);
  if (!element) return false;
  const old = new Map([...element.children].filter((child) => child.id)
    .map((child) => [child.id, child]));
  const fresh = [...fragment(html).childNodes].map((node) => {
    const before = old.get(node.id);
    if (!before?.isEqualNode(node)) return node;
    old.delete(node.id);
    return before;
  });
  const words = element.textContent;
  // Moving a node takes the focus from it: those that stay are not touched.
  const staying = new Set(fresh);
  [...element.childNodes].forEach((node) => { if (!staying.has(node)) node.remove(); });
  let at = element.firstChild;
  fresh.forEach((node) => {
    if (node === at) at = at.nextSibling;
    else element.insertBefore(node, at);
  });
  return element.textContent !== words;
};
