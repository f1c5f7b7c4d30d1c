// @ts-check
// A redraw takes nothing from a person who is typing: text, caret, focus and open folds stay.

import { find } from "./dom.js";

/**
 * @typedef {HTMLInputElement | HTMLTextAreaElement | HTMLSelectElement} Field
 *
 * Calls `redraw()`; fields are known again by their id, folds by `data-key`. With `texts: false` the fields have other
 * values now, and keep those.
 * @param {HTMLElement} box
 * @param {() => void} redraw
 * @param {{texts?: boolean}} [options]
 */
export function keepTyping(box, redraw, { texts: keep = true } = {}) {
  const fields = () => /** @type {Field[]} */ ([...box.querySelectorAll("input[id], textarea[id], select[id]")]);
  const folds = () => /** @type {HTMLDetailsElement[]} */ ([...box.querySelectorAll("details[data-key]")]);
  const texts = new Map(fields().filter(isText).map((one) => [one.id, { text: one.value, top: one.scrollTop }]));
  const open = new Set(folds().filter((one) => one.open).map((one) => one.dataset.key));
  const active = box.contains(document.activeElement) ? document.activeElement : null;
  const focus = active?.id;
  const typed = active instanceof HTMLInputElement || active instanceof HTMLTextAreaElement ? active : null;
  const caret = typed && { start: typed.selectionStart, end: typed.selectionEnd, direction: typed.selectionDirection ?? undefined };
  redraw();
  for (const one of folds()) one.open ||= open.has(one.dataset.key);
  for (const one of fields()) {
    const { text, top = 0 } = texts.get(one.id) ?? {};
    if (!keep || text === undefined || !isText(one)) continue;
    if (one.value !== text && (!(one instanceof HTMLSelectElement) || [...one.options].some((option) => option.value === text))) one.value = text;
    one.scrollTop = top;
  }
  const again = focus && find(box, `#${CSS.escape(focus)}`);
  if (!again || again === document.activeElement) return;
  again.focus({ preventScroll: true });
  // Fields for numbers do not tell where theirs is.
  if (keep && caret && caret.start !== null && (again instanceof HTMLInputElement || again instanceof HTMLTextAreaElement)) again.setSelectionRange(caret.start, caret.end, caret.direction);
}

/** @param {Field} field */
const isText = (field) => field.type !== "checkbox" && field.type !== "radio";
