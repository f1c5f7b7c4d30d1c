// @ts-check
// One zoom and pan for all videos: drag, pinch, the wheel with Ctrl, a double click; and the divider of a wipe.

import { MOST_ZOOM, inside } from "./state.js";

/** @typedef {import("./state.js").View} View */

/**
 * Listens on a frame with a canvas. `view()` is the present one, `change` takes what is new.
 * @param {HTMLElement} frame
 * @param {() => View} view
 * @param {(change: Partial<View>) => void} change
 */
export function gestures(frame, view, change) {
  /** @type {Map<number, {x: number, y: number}>} */
  const fingers = new Map();
  const place = (/** @type {{clientX: number, clientY: number}} */ { clientX, clientY }) => {
    const box = frame.getBoundingClientRect();
    return { x: (clientX - box.left) / box.width, y: (clientY - box.top) / box.height };
  };

  frame.addEventListener("wheel", (event) => {
    if (!event.ctrlKey && !event.metaKey) return; // the page scrolls
    event.preventDefault();
    change(zoomed(view(), Math.exp(-event.deltaY / 200), place(event)));
  }, { passive: false });
  frame.addEventListener("dblclick", (event) => change(view().zoom > 1 ? { zoom: 1, centre: [0.5, 0.5] } : zoomed(view(), 3, place(event))));
  frame.addEventListener("pointerdown", (event) => {
    if (event.button) return;
    fingers.set(event.pointerId, place(event));
    if (view().zoom > 1 || view().mode === "wipe" || fingers.size > 1) frame.setPointerCapture(event.pointerId);
    if (view().mode === "wipe" && view().zoom === 1 && fingers.size === 1) change({ wipe: within(place(event).x) });
  });
  frame.addEventListener("pointermove", (event) => {
    const before = fingers.get(event.pointerId);
    if (!before) return;
    const now = place(event);
    const other = [...fingers].find(([id]) => id !== event.pointerId)?.[1];
    fingers.set(event.pointerId, now);
    const { mode, zoom, centre } = view();
    if (other) {
      const apart = (/** @type {{x: number, y: number}} */ one) => Math.hypot(one.x - other.x, one.y - other.y);
      if (apart(before) > 0.02) change(zoomed(view(), apart(now) / apart(before), { x: (now.x + other.x) / 2, y: (now.y + other.y) / 2 }));
    } else if (mode === "wipe" && zoom === 1) change({ wipe: within(now.x) });
    else if (zoom > 1) change({ centre: inside([centre[0] - (now.x - before.x) / zoom, centre[1] - (now.y - before.y) / zoom], zoom) });
  });
  for (const end of /** @type {const} */ (["pointerup", "pointercancel"])) frame.addEventListener(end, (event) => fingers.delete(event.pointerId));
}

const within = (/** @type {number} */ one) => Math.min(1, Math.max(0, one));

/**
 * The view enlarged by a factor; the point under the pointer stays where it is.
 * @param {View} view @param {number} factor @param {{x: number, y: number}} [point]
 * @returns {{zoom: number, centre: [number, number]}}
 */
export function zoomed({ zoom, centre }, factor, { x, y } = { x: 0.5, y: 0.5 }) {
  const now = Math.min(MOST_ZOOM, Math.max(1, zoom * factor));
  const keep = (/** @type {number} */ middle, /** @type {number} */ at) => middle + (at - 0.5) / zoom - (at - 0.5) / now;
  return { zoom: now, centre: inside([keep(centre[0], x), keep(centre[1], y)], now) };
}

/** The divider of a wipe, for pointers and keys. @param {() => View} view @param {(change: Partial<View>) => void} change @param {HTMLElement} divider */
export function divide(divider, view, change) {
  divider.addEventListener("pointerdown", (event) => {
    event.stopPropagation();
    divider.setPointerCapture(event.pointerId);
  });
  divider.addEventListener("pointermove", (event) => {
    if (!divider.hasPointerCapture(event.pointerId)) return;
    const box = /** @type {HTMLElement} */ (divider.parentElement).getBoundingClientRect();
    change({ wipe: within((event.clientX - box.left) / box.width) });
  });
  divider.addEventListener("keydown", (event) => {
    const move = { ArrowLeft: -0.02, ArrowRight: 0.02 }[event.key];
    if (!move) return;
    event.preventDefault();
    event.stopPropagation();
    change({ wipe: within(view().wipe + move) });
  });
}
