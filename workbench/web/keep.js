// A redraw takes nothing from a person who is typing: text, caret, focus and open folds stay.

/**
 * Calls `redraw()`; fields are known again by their id, folds by `data-key`. With `texts: false` the fields have other
 * values now, and keep those.
 */
export function keepTyping(box, redraw, { texts: keep = true } = {}) {
  const texts = new Map([...box.querySelectorAll("input[id], textarea[id], select[id]")].filter(isText).map((one) => [one.id, [one.value, one.scrollTop]]));
  const open = new Set([...box.querySelectorAll("details[open][data-key]")].map((one) => one.dataset.key));
  const active = box.contains(document.activeElement) ? document.activeElement : null;
  const focus = active?.id;
  const caret = active && "selectionStart" in active ? [active.selectionStart, active.selectionEnd, active.selectionDirection] : null;
  redraw();
  for (const one of box.querySelectorAll("details[data-key]")) one.open ||= open.has(one.dataset.key);
  for (const one of box.querySelectorAll("input[id], textarea[id], select[id]")) {
    const [text, top] = texts.get(one.id) ?? [];
    if (!keep || text === undefined || !isText(one)) continue;
    if (one.value !== text && (one.tagName !== "SELECT" || [...one.options].some((option) => option.value === text))) one.value = text;
    one.scrollTop = top;
  }
  const again = focus && box.querySelector(`#${CSS.escape(focus)}`);
  if (!again || again === document.activeElement) return;
  again.focus({ preventScroll: true });
  if (keep && caret && caret[0] !== null) again.setSelectionRange(...caret); // fields for numbers do not tell where theirs is
}

const isText = (field) => field.type !== "checkbox" && field.type !== "radio";
