// @ts-check
// Draws frames into canvases: one video, or two as a wipe, a difference or a flip, all with the same zoom.

const PIXELS_FROM = 3; // zoom from which single pixels are shown as they are

/** @typedef {import("./state.js").View} View */
/** @typedef {{image: CanvasImageSource | null, width: number, height: number, turn: number}} Picture */

/** One video in the whole canvas. @param {CanvasRenderingContext2D} ink @param {Picture} picture @param {View} view */
export function drawOne(ink, picture, view) {
  clear(ink);
  put(ink, picture, view);
}

/** Two videos in one canvas. @param {CanvasRenderingContext2D} ink @param {Picture} first @param {Picture} second @param {View} view */
export function drawTwo(ink, first, second, view) {
  const { width, height } = ink.canvas;
  if (view.mode === "flip") return drawOne(ink, view.flipped ? second : first, view);
  clear(ink);
  put(ink, first, view);
  if (view.mode === "wipe") {
    ink.save();
    ink.beginPath();
    ink.rect(view.wipe * width, 0, width, height);
    ink.clip();
    ink.fillRect(view.wipe * width, 0, width, height);
    put(ink, second, view);
    ink.restore();
    return undefined;
  }
  ink.globalCompositeOperation = "difference";
  put(ink, second, view);
  ink.globalCompositeOperation = "lighter"; // added to itself, a canvas becomes twice as bright
  for (let gain = 1; gain < view.gain; gain *= 2) ink.drawImage(ink.canvas, 0, 0);
  ink.globalCompositeOperation = "source-over";
  return undefined;
}

/** @param {CanvasRenderingContext2D} ink */
function clear(ink) {
  ink.globalCompositeOperation = "source-over";
  ink.fillStyle = "#000";
  ink.fillRect(0, 0, ink.canvas.width, ink.canvas.height);
}

/** The video as large as fits, then enlarged around the centre of the view. @param {CanvasRenderingContext2D} ink @param {Picture} picture @param {View} view */
function put(ink, { image, width, height, turn }, { zoom, centre }) {
  if (!image) return;
  const { width: wide, height: high } = ink.canvas;
  const fit = Math.min(wide / width, high / height);
  // A difference of a pixel comes from rounding the size of the canvas; a border would be seen.
  const [w, h] = [Math.abs(width * fit - wide) < 2 ? wide : width * fit, Math.abs(height * fit - high) < 2 ? high : height * fit];
  const x = wide / 2 - zoom * (centre[0] * wide - (wide - w) / 2);
  const y = high / 2 - zoom * (centre[1] * high - (high - h) / 2);
  ink.imageSmoothingEnabled = zoom < PIXELS_FROM;
  if (!turn) return ink.drawImage(image, x, y, zoom * w, zoom * h);
  ink.save();
  ink.translate(x + (zoom * w) / 2, y + (zoom * h) / 2);
  ink.rotate((turn * Math.PI) / 180);
  const [across, along] = turn % 180 ? [h, w] : [w, h];
  ink.drawImage(image, (-zoom * across) / 2, (-zoom * along) / 2, zoom * across, zoom * along);
  ink.restore();
  return undefined;
}
