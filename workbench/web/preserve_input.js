// @ts-check
// Preserves text, caret, focus and open sections when a form is redrawn while the user types.

import { find } from "./dom.js";

/**
 * @typedef {HTMLInputElement | HTMLTextAreaElement | HTMLSelectElement} Field
 *
 * Calls `redraw()`. Identifies fields by id and sections by `data-key`. With `texts: false` the fields keep their new values.
 * @param {HTMLElement} box
 * @param {() => void} redraw
 * @param {{texts?: boolean}} [options]
 */
export function preserveInput(box, redraw, { texts: keep = true } = {}) {
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
  // Number fields do not report a caret.
  if (keep && caret && caret.start !== null && (again instanceof HTMLInputElement || again instanceof HTMLTextAreaElement)) again.setSelectionRange(caret.start, caret.end, caret.direction);
}

/** @param {Field} field */
const isText = (field) => field.type !== "checkbox" && field.type !== "radio";
