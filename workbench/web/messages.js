// @ts-check
// Problems of polls and of actions, shown in a given place.

import { fill, problem } from "./dom.js";

/**
 * Returns `show(error)`. It draws the same problem once, not at every poll, and null removes it.
 * @param {Element} place
 */
export function problemsIn(place) {
  let shown = "";
  return (error) => {
    const key = error ? `${error.code} ${error.message}` : "";
    if (key === shown) return;
    shown = key;
    fill(place, error ? problem(error) : null);
  };
}

/**
 * Run the action of a button, which is disabled meanwhile. If the action fails, `place` shows the problem and the button can
 * be pressed again.
 * @param {HTMLButtonElement} pressed
 * @param {Element} place
 * @param {() => Promise<any>} act
 */
export async function attempt(pressed, place, act, { compact = false } = {}) {
  pressed.disabled = true;
  fill(place);
  try {
    await act();
  } catch (error) {
    pressed.disabled = false;
    fill(place, problem(error, { compact }));
  }
}

/**
 * Call `load` now and again, while `element` is in the document and the page is visible. Returns a function that stops it.
 * @param {Element} element
 * @param {number} everyMs
 * @param {() => Promise<void>} load
 */
export function poll(element, everyMs, load) {
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;
  const again = async () => {
    if (!element.isConnected) return;
    if (document.visibilityState === "visible") await load();
    timer = setTimeout(again, everyMs);
  };
  again();
  return () => clearTimeout(timer);
}
