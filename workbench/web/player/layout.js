// @ts-check
// The largest tiles that fit: how many columns, and how wide each is.

const GAP = 12;
const CAPTION = 38;
const LEAST_HEIGHT = 300;

/**
 * @param {number} count  Of tiles.
 * @param {number} aspect  Width divided by height.
 * @param {number} width  Of the stage, in CSS pixels.
 * @param {number} height  Of the window.
 * @returns {{columns: number, width: number}}
 */
export function tiles(count, aspect, width, height) {
  const room = Math.max(LEAST_HEIGHT, height - 330);
  let best = { columns: 1, width: 0 };
  for (let columns = 1; columns <= count; columns += 1) {
    const rows = Math.ceil(count / columns);
    const wide = (width - GAP * (columns - 1)) / columns;
    const high = ((room - GAP * (rows - 1)) / rows - CAPTION) * aspect;
    const fits = Math.floor(Math.min(wide, high));
    if (fits > best.width) best = { columns, width: fits };
  }
  return best;
}

/**
 * The pixels of a canvas: those that the display has, but not more than the video has at this zoom.
 * @param {number} width  CSS pixels.
 * @param {{width: number, height: number}} video
 * @param {number} zoom
 */
export function pixels(width, video, zoom) {
  const wide = Math.max(16, Math.round(Math.min(width * Math.min(2, window.devicePixelRatio || 1), video.width * Math.min(zoom, 4))));
  return { width: wide, height: Math.max(16, Math.round((wide * video.height) / video.width)) };
}
