// @ts-check
// What a view of the player consists of, as a plain object and as the query of an address. Defaults are left out of the
// address; anything that makes no sense there becomes the default, so that an edited address still opens.

/** @typedef {"grid" | "wipe" | "difference" | "flip"} Mode */
/**
 * @typedef {object} View
 * @property {Mode} mode
 * @property {number} at  Index of the common clock.
 * @property {[number, number]} pair  The two videos of wipe, difference and flip.
 * @property {number} wipe  Place of the divider, 0 to 1.
 * @property {number} gain  What a difference is multiplied by.
 * @property {0 | 1} flipped  Whether flip shows the second video.
 * @property {number} speed
 * @property {[number, number] | null} loop  First and last index.
 * @property {number} zoom
 * @property {[number, number]} centre  The point in the middle of each video, 0 to 1.
 * @property {number} sound  Position of the video whose audio plays, -1 for none.
 */

export const MODES = /** @type {const} */ (["grid", "wipe", "difference", "flip"]);
export const SPEEDS = [0.1, 0.25, 0.5, 1, 1.5, 2];
export const GAINS = [1, 2, 4, 8, 16];
export const MOST_ZOOM = 16;

const NAMES = ["mode", "at", "pair", "wipe", "gain", "flipped", "speed", "loop", "zoom", "centre", "sound"];

/** @returns {View} */
export const defaults = () => ({ mode: "grid", at: 0, pair: [0, 1], wipe: 0.5, gain: 4, flipped: 0, speed: 1, loop: null, zoom: 1, centre: [0.5, 0.5], sound: 0 });

/**
 * A view whose values are all possible.
 * @param {Record<string, any>} given  Perhaps incomplete.
 * @param {number} videos  How many there are.
 * @param {number} last  Last index of the clock.
 * @returns {View}
 */
export function clean(given, videos, last) {
  const base = defaults();
  const number = (/** @type {any} */ value, /** @type {number} */ low, /** @type {number} */ high, /** @type {number} */ other) => (value !== null && value !== "" && Number.isFinite(Number(value)) ? Math.min(high, Math.max(low, Number(value))) : other);
  const whole = (/** @type {any} */ value, /** @type {number} */ low, /** @type {number} */ high, /** @type {number} */ other) => Math.round(number(value, low, high, other));
  const two = (/** @type {any} */ value) => (Array.isArray(value) && value.length === 2 && value.every((one) => Number.isFinite(Number(one))) ? value.map(Number) : null);
  const pair = two(given.pair)?.map((one) => whole(one, 0, videos - 1, 0)) ?? base.pair;
  const loop = two(given.loop)?.map((one) => whole(one, 0, last, 0)).sort((a, b) => a - b) ?? null;
  const zoom = number(given.zoom, 1, MOST_ZOOM, 1);
  return {
    mode: MODES.find((one) => one === given.mode) ?? base.mode,
    at: whole(given.at, 0, last, 0),
    pair: pair[0] === pair[1] ? [0, Math.min(1, videos - 1)] : [pair[0], pair[1]],
    wipe: number(given.wipe, 0, 1, base.wipe),
    gain: GAINS.find((one) => one === Number(given.gain)) ?? base.gain,
    flipped: Number(given.flipped) === 1 ? 1 : 0,
    speed: number(given.speed, SPEEDS[0], 2, 1),
    loop: loop && loop[1] > loop[0] ? [loop[0], loop[1]] : null,
    zoom,
    centre: inside(two(given.centre) ?? base.centre, zoom),
    sound: whole(given.sound, -1, videos - 1, base.sound),
  };
}

/** A centre at which the video still fills its frame. @param {number[]} centre @param {number} zoom @returns {[number, number]} */
export function inside(centre, zoom) {
  const half = 0.5 / zoom;
  const [x, y] = centre.map((one) => Math.min(1 - half, Math.max(half, one)));
  return [x, y];
}

/**
 * The query parameters of a view; each name that has its default is null.
 * @param {View} view
 * @returns {Record<string, string | null>}
 */
export function toQuery(view) {
  const base = defaults();
  const words = (/** @type {any} */ value) => (value === null ? "" : Array.isArray(value) ? value.map(words).join("-") : typeof value === "number" ? String(Number(value.toFixed(4))) : String(value));
  return Object.fromEntries(NAMES.map((name) => [name, words(view[name]) === words(base[name]) ? null : words(view[name])]));
}

/**
 * What an address says; the player cleans it once it knows the videos.
 * @param {URLSearchParams} query
 * @returns {Record<string, any>}
 */
export function fromQuery(query) {
  /** @type {Record<string, any>} */
  const found = {};
  for (const name of NAMES) {
    const value = query.get(name);
    if (value !== null) found[name] = ["pair", "loop", "centre"].includes(name) ? value.split("-") : value;
  }
  return found;
}
