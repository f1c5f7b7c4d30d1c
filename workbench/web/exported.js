// @ts-check
// The players of an exported file: videos, frame indexes and curves are in the page itself, and nothing is loaded.

import { player } from "./player/player.js";
import { fromQuery, toQuery } from "./player/state.js";

/**
 * @typedef {object} ExportedVideo
 * @property {string} label
 * @property {string} sha256  Of the bytes; "" for a video that is missing.
 * @property {string} missing  Why.
 * @property {string} mediaType
 * @property {boolean} audio
 * @property {number[]} peaks
 * @property {import("./player/timeline.js").Spoken | null} spoken
 * @property {import("./player/curves.js").Series[]} series
 */

/** @type {Map<string, Promise<Uint8Array>>} by digest: a video may be in several players */
const files = new Map();
/** @type {Map<string, string>} */
const urls = new Map();

/** @param {string} id */
const textOf = (id) => document.getElementById(id)?.textContent ?? "";

/** The bytes of a video, which the page holds as base64. @param {string} sha256 */
function file(sha256) {
  let found = files.get(sha256);
  if (!found) {
    found = Promise.resolve().then(() => Uint8Array.from(atob(textOf(`bytes-${sha256}`).trim()), (one) => one.charCodeAt(0)));
    files.set(sha256, found);
  }
  return found;
}

/** @param {ExportedVideo} video @returns {import("./player/player.js").Video} */
function videoOf({ label, sha256, missing, mediaType, audio, peaks, spoken, series }) {
  return {
    label,
    frames: async () => {
      if (missing) throw new Error(missing);
      return JSON.parse(textOf(`frames-${sha256}`));
    },
    bytes: async (from, to) => (await file(sha256)).subarray(from, to),
    url: async () => {
      if (!urls.has(sha256)) urls.set(sha256, URL.createObjectURL(new Blob([/** @type {any} */ (await file(sha256))], { type: mediaType })));
      return urls.get(sha256) ?? "";
    },
    audio,
    peaks: async () => peaks,
    spoken: spoken ?? undefined,
    series,
  };
}

const places = /** @type {HTMLElement[]} */ ([...document.querySelectorAll("[data-player]")]);
for (const place of places) {
  const videos = JSON.parse(textOf(place.dataset.player ?? ""));
  const alone = places.length === 1; // then the address holds its state
  const changed = (/** @type {import("./player/state.js").View} */ view) => {
    if (!alone) return;
    const values = Object.entries(toQuery(view)).flatMap(([name, value]) => (value === null ? [] : [`${name}=${value}`]));
    try {
      window.history.replaceState(null, "", `#${values.join("&")}`);
    } catch {
      // a sandboxed frame has no address of its own
    }
  };
  const state = alone ? fromQuery(new URLSearchParams(window.location.hash.slice(1))) : {};
  player(place, { videos: videos.map(videoOf), state, changed, keys: alone ? document : undefined });
}
if (window.matchMedia("(prefers-color-scheme: dark)").matches) document.documentElement.classList.add("dark");
