// @ts-check
// The canvases of a comparison: one for each video, or one for two of them. All are drawn in one go.

import { fill, h } from "../dom.js";
import { drawOne, drawTwo } from "./draw.js";
import { divide, gestures } from "./gestures.js";
import { pixels, tiles } from "./layout.js";

/** @typedef {import("./state.js").View} View */
/** @typedef {import("./source.js").FrameSource & {failed: Error | null}} FrameSource */

export const letter = (/** @type {number} */ video) => String.fromCharCode(65 + video);

/**
 * @param {HTMLElement} element
 * @param {{label: string}[]} videos
 * @param {FrameSource[]} sources
 * @param {{view: () => View, change: (change: Partial<View>) => void}} state
 */
export function stage(element, videos, sources, { view, change }) {
  const key = (/** @type {number} */ video) => h("span", { class: "wb-player-key", "data-video": video }, letter(video));
  const tilesOf = videos.map(({ label }, video) => {
    const canvas = h("canvas", { role: "img", "aria-label": `${letter(video)}: ${label}` });
    const said = h("span", { class: "wb-player-said", hidden: true });
    const frame = h("div", { class: "wb-player-frame" }, canvas, said);
    gestures(frame, view, change);
    const tile = h("figure", { class: "wb-player-tile", "data-video": video }, frame, h("figcaption", {}, key(video), h("span", { class: "wb-player-label", title: label }, label)));
    return { canvas, said, frame, tile, ink: ink(canvas) };
  });
  const canvas = h("canvas", { role: "img" });
  const divider = h("div", { class: "wb-player-divider", role: "slider", tabindex: 0, "aria-label": "Divider", "aria-valuemin": 0, "aria-valuemax": 100 });
  const frame = h("div", { class: "wb-player-frame" }, canvas, divider);
  const caption = h("figcaption", {});
  const both = { canvas, frame, tile: h("figure", { class: "wb-player-tile" }, frame, caption), ink: ink(canvas) };
  gestures(frame, view, change);
  divide(divider, view, change);
  frame.addEventListener("click", () => view().mode === "flip" && view().zoom === 1 && change({ flipped: view().flipped ? 0 : 1 }));
  let shown = "";

  function layout() {
    const { mode, zoom, pair } = view();
    element.dataset.mode = mode;
    if (mode !== shown) fill(element, mode === "grid" ? tilesOf.map((one) => one.tile) : both.tile);
    shown = mode;
    const list = mode === "grid" ? sources : [sources[pair[0]]];
    const aspect = Math.min(...list.map((one) => one.width / one.height));
    const { columns, width } = tiles(list.length, aspect, element.clientWidth || 640, window.innerHeight);
    element.style.setProperty("grid-template-columns", `repeat(${columns}, ${width}px)`);
    const sized = mode === "grid" ? tilesOf.map((one, video) => ({ ...one, source: sources[video] })) : [{ ...both, source: list[0] }];
    for (const one of sized) {
      one.frame.style.aspectRatio = `${one.source.width} / ${one.source.height}`;
      one.frame.style.touchAction = zoom > 1 || mode === "wipe" ? "none" : "pan-y";
      const size = pixels(width, one.source, zoom);
      if (one.canvas.width !== size.width || one.canvas.height !== size.height) Object.assign(one.canvas, size);
    }
    words();
  }

  /** The captions of two videos in one canvas. */
  function words() {
    const { mode, pair, flipped, wipe, gain } = view();
    if (mode === "grid") return;
    const name = (/** @type {number} */ video) => [key(video), h("span", { class: "wb-player-label" }, videos[video].label)];
    divider.hidden = mode !== "wipe";
    divider.style.left = `${wipe * 100}%`;
    divider.setAttribute("aria-valuenow", String(Math.round(wipe * 100)));
    if (mode === "flip") fill(caption, name(pair[flipped]));
    else if (mode === "wipe") fill(caption, name(pair[0]), h("span", { class: "wb-player-between" }, "|"), name(pair[1]));
    else fill(caption, name(pair[0]), h("span", { class: "wb-player-between" }, "−"), name(pair[1]), h("span", { class: "wb-muted" }, `${gain > 1 ? `× ${gain}, ` : ""}black: equal`));
    canvas.setAttribute("aria-label", caption.textContent ?? "");
  }

  /** @param {(CanvasImageSource | null)[]} images @param {(video: number) => boolean} over */
  function paint(images, over) {
    const now = view();
    const picture = (/** @type {number} */ video) => ({ image: images[video], width: sources[video].width, height: sources[video].height, turn: sources[video].turn });
    if (now.mode === "grid") {
      tilesOf.forEach((one, video) => {
        drawOne(one.ink, picture(video), now);
        const { failed } = sources[video];
        const said = failed ? failed.message : !images[video] ? "This frame cannot be decoded" : over(video) ? "ended" : "";
        if (one.said.textContent !== said) one.said.textContent = said;
        one.said.hidden = !said;
        one.tile.toggleAttribute("data-failed", !images[video]);
      });
    } else drawTwo(both.ink, picture(now.pair[0]), picture(now.pair[1]), now);
  }

  return { layout, paint, words };
}

/** @param {HTMLCanvasElement} canvas */
const ink = (canvas) => /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d", { alpha: false }));
