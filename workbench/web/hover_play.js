// @ts-check
// A thumbnail that plays its video while the pointer is over it: without sound, and only one at a time.

import { h } from "./dom.js";

const AFTER_MS = 180;

/** @type {(() => void) | null} */
let stopLast = null;

/**
 * @param {HTMLElement} thumb
 * @param {() => string | null | undefined} video  The address of the video, if there is one.
 */
export function playOnHover(thumb, video) {
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;
  const stop = () => {
    clearTimeout(timer);
    const playing = thumb.querySelector("video");
    if (!playing) return;
    playing.pause();
    playing.removeAttribute("src");
    playing.load(); // ends the download
    playing.remove();
    if (stopLast === stop) stopLast = null;
  };
  const start = () => {
    const src = video();
    if (!src || !thumb.isConnected) return;
    stopLast?.();
    stopLast = stop;
    const playing = h("video", { src, muted: true, loop: true, playsInline: true, preload: "auto", "aria-hidden": "true", tabindex: "-1", disablePictureInPicture: true });
    playing.addEventListener("error", stop);
    playing.addEventListener("playing", () => playing.setAttribute("data-playing", ""));
    thumb.append(playing);
    playing.play().catch(stop);
  };
  thumb.addEventListener("pointerenter", (event) => {
    if (event.pointerType === "touch" || matchMedia("(prefers-reduced-motion: reduce)").matches) return;
    clearTimeout(timer);
    timer = setTimeout(start, AFTER_MS);
  });
  thumb.addEventListener("pointerleave", stop);
}
