// @ts-check
// Opens the videos of a comparison: decoded frame by frame where the browser can, else as paused `<video>` elements.

import { Absent } from "./absent.js";
import { orderOf } from "./order.js";
import { Source, decodes } from "./source.js";
import { SteppedVideo } from "./stepping.js";

/** @typedef {import("./source.js").FrameSource & {failed: Error | null}} FrameSource */
/** @typedef {import("./player.js").Video} Video */

/** @param {Video} video @param {() => void} changed @returns {Promise<FrameSource>} */
async function openOne(video, changed) {
  try {
    const index = await video.frames();
    if (!index.times.some((one) => one >= 0)) throw new Error("The file has no video frames");
    if (await decodes(index)) return new Source(index, video.bytes, changed);
    return await stepped(video, index, changed);
  } catch (/** @type {any} */ error) {
    return new Absent(error);
  }
}

/** @param {Video} video @param {Api.Schema<"FrameIndex">} index @param {() => void} changed */
async function stepped(video, index, changed) {
  const player = document.createElement("video");
  Object.assign(player, { muted: true, playsInline: true, preload: "auto", crossOrigin: "anonymous", src: await video.url() });
  await new Promise((resolve, reject) => {
    player.addEventListener("loadeddata", resolve, { once: true });
    player.addEventListener("error", () => reject(new Error(`This browser cannot show the codec ${index.codec}`)), { once: true });
  });
  const { times } = orderOf(index);
  return new SteppedVideo(player, { times, fps: index.fps, durationS: index.durationS, startS: index.startS ?? 0, audio: index.audio ?? false, width: player.videoWidth, height: player.videoHeight }, changed);
}

/**
 * The sources of all videos, and what is to be said about them.
 * @param {Video[]} videos
 * @param {() => void} changed
 */
export async function open(videos, changed) {
  const sources = await Promise.all(videos.map((video) => openOne(video, changed)));
  const slow = sources.filter((one) => one instanceof SteppedVideo).length;
  const why = typeof VideoDecoder !== "undefined" ? "This browser does not decode the codec of every video by frame" : window.isSecureContext ? "This browser has no WebCodecs" : "The browser decodes by frame only on https or localhost";
  return { sources, notice: slow ? `${why}: ${slow === sources.length ? "the" : slow} videos are moved from frame to frame instead. The frames still belong together, but playing is slow.` : "" };
}
