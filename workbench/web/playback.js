// @ts-check
// Starts videos with their sound where the browser allows it, and replaces a playing video by another one of the same content.

import { button } from "./dom.js";

const SETTLE_MS = 10_000; // a video that has not loaded by then is shown as it is

/**
 * Play with sound; without it, and with a button for it, if the browser refuses because the user has not touched the page.
 * @param {HTMLVideoElement} player
 * @param {HTMLElement} place  Of the button.
 */
export function start(player, place) {
  player.play().catch((error) => {
    if (error.name !== "NotAllowedError" || player.muted) return;
    player.muted = true;
    offerSound(player, place);
    player.play().catch(() => null); // a browser may refuse this too; the controls remain
  });
}

/** @param {HTMLVideoElement} player @param {HTMLElement} place */
function offerSound(player, place) {
  const offer = button("Sound on", {
    icon: "sound",
    onclick: () => {
      player.muted = false;
      player.play().catch(() => null);
    },
  });
  offer.classList.add("wb-stage-sound");
  player.addEventListener("volumechange", () => (player.muted ? null : offer.remove()));
  place.append(offer);
}

/**
 * Bring `after` to the position and the state of `before`, which it replaces: call `swap` to do so. Nothing is heard twice,
 * and no frame is black.
 * @param {HTMLVideoElement} before
 * @param {HTMLVideoElement} after
 * @param {() => void} swap
 * @param {HTMLElement} place  Of a button for the sound.
 */
export async function replacePlayer(before, after, swap, place) {
  const wasMuted = before.muted;
  Object.assign(after, { preload: "auto", muted: wasMuted, volume: before.volume, playbackRate: before.playbackRate });
  await reached(after, "loadeddata", () => after.readyState >= 2);
  await seek(after, before.currentTime);
  await seek(after, before.currentTime); // it played on while the first position was loaded, which makes the second one near
  const atEnd = after.duration - after.currentTime < 0.1; // there, playing would begin anew
  const playing = (before.ended || !before.paused) && !atEnd;
  before.pause();
  swap();
  if (wasMuted && place.querySelector(".wb-stage-sound")) {
    place.querySelector(".wb-stage-sound")?.remove();
    offerSound(after, place);
  }
  if (playing) start(after, place);
}

/** @param {HTMLVideoElement} player @param {number} second */
async function seek(player, second) {
  if (second === 0 || Math.abs(player.currentTime - second) < 0.02) return;
  player.currentTime = Number.isFinite(player.duration) ? Math.min(second, player.duration) : second;
  await reached(player, "seeked", () => !player.seeking);
}

/** @param {HTMLVideoElement} player @param {string} event @param {() => boolean} already */
function reached(player, event, already) {
  if (already()) return Promise.resolve();
  return new Promise((resolve) => {
    player.addEventListener(event, resolve, { once: true });
    player.addEventListener("error", resolve, { once: true });
    setTimeout(resolve, SETTLE_MS);
  });
}
