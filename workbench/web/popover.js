// @ts-check
// A small panel under a button. It closes on Escape, on a click elsewhere, and on a second click of its button.

import { button, fill, h } from "./dom.js";

let count = 0;

/**
 * @param {string} word  The label of the button.
 * @param {(panel: HTMLElement, close: () => void) => void} draw  Fills the panel each time that it opens.
 * @param {{icon?: string, kind?: string, label?: string}} [options]
 */
export function popover(word, draw, { icon, kind = "quiet", label = word } = {}) {
  const id = `wb-pop-${++count}`;
  const panel = h("div", { class: "wb-pop-panel", id, role: "dialog", "aria-label": label, hidden: true });
  const opener = button(word, { icon, kind, "aria-expanded": "false", "aria-controls": id, "aria-haspopup": "dialog", onclick: () => (panel.hidden ? open() : close()) });
  const element = h("div", { class: "wb-pop" }, opener, panel);
  const elsewhere = (/** @type {Event} */ event) => {
    if (!element.isConnected || !(event.target instanceof Node) || !element.contains(event.target)) close(false);
  };
  function open() {
    panel.hidden = false;
    opener.setAttribute("aria-expanded", "true");
    fill(panel);
    draw(panel, close);
    place();
    document.addEventListener("pointerdown", elsewhere);
    /** @type {HTMLElement | null} */ (panel.querySelector("input, button, a"))?.focus();
  }
  /** Keep the panel inside the window. */
  function place() {
    panel.style.left = "0";
    const over = panel.getBoundingClientRect().right - (document.documentElement.clientWidth - 12);
    if (over > 0) panel.style.left = `${-Math.min(over, element.getBoundingClientRect().left - 12)}px`;
  }
  function close(focus = true) {
    if (panel.hidden) return;
    panel.hidden = true;
    opener.setAttribute("aria-expanded", "false");
    document.removeEventListener("pointerdown", elsewhere);
    if (focus) opener.focus();
  }
  element.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || panel.hidden) return;
    event.stopPropagation();
    close();
  });
  const say = (/** @type {string} */ text) => opener.lastChild && (opener.lastChild.textContent = text);
  return { element, close, say, place };
}
