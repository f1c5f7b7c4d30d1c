// @ts-check
// The common time of several videos: the times of one clock index, and which frame of each video belongs to it.

import { frameAt } from "./order.js";

/**
 * @typedef {object} Timing
 * @property {Float64Array} times  Seconds, by index of the clock.
 * @property {number} fps  Of the clock.
 * @property {number} period  Seconds of one index, on average.
 * @property {(video: number, index: number) => number} frame
 * @property {(video: number, index: number) => boolean} over  Whether the video has ended there; its last frame stays.
 * @property {(seconds: number) => number} index  The index at a time.
 * @property {string} words  How different rates and lengths are aligned; "" if nothing differs.
 */

/** @typedef {{times: Float64Array, fps: number, durationS: number, count: number}} Timed */

const SAME_RATE = 0.001;

/**
 * The clock has the frame times of the fastest video, the longest of these, and goes on at its rate until the longest ends.
 * @param {Timed[]} videos
 * @returns {Timing}
 */
export function timing(videos) {
  const fps = Math.max(...videos.map((one) => one.fps)) || 25;
  const period = 1 / fps;
  const leader = videos.filter((one) => one.fps >= fps * (1 - SAME_RATE)).reduce((best, one) => (one.count > best.count ? one : best));
  const last = leader.times.at(-1) ?? 0;
  const end = Math.max(...videos.map((one) => one.times.at(-1) ?? 0));
  const more = Math.max(0, Math.round((end - last) * fps));
  const times = new Float64Array(leader.times.length + more);
  times.set(leader.times);
  for (let index = 0; index < more; index += 1) times[leader.times.length + index] = last + (index + 1) * period;
  // Some files round times to milliseconds: a frame may begin a little after its index.
  const early = Math.max(0.0006, 0.1 * period);
  const frames = videos.map((one) => (one === leader && !more ? null : Int32Array.from(times, (at) => frameAt(one.times, at + early))));
  return {
    times,
    fps,
    period,
    frame: (video, index) => frames[video]?.[index] ?? index,
    over: (video, index) => times[index] > (videos[video].times.at(-1) ?? 0) + Math.max(period, 1 / videos[video].fps) * 0.9,
    index: (seconds) => frameAt(times, seconds + early),
    words: words(videos),
  };
}

/** @param {Timed[]} all */
function words(all) {
  const videos = all.filter((one) => one.fps > 0);
  if (!videos.length) return "";
  const rates = [...new Set(videos.map((one) => Number(one.fps.toFixed(2))))].sort((a, b) => a - b);
  const lengths = videos.map((one) => one.durationS);
  const apart = Math.max(...lengths) - Math.min(...lengths);
  const said = [];
  if (rates.length > 1) said.push(`rates differ (${rates.join(", ")} fps), a slower video repeats its frames`);
  if (apart > 0.6 / Math.max(...rates)) said.push(`lengths differ (${lengths.map((one) => one.toFixed(1)).join(", ")} s), a shorter video keeps its last frame`);
  return said.length ? `Aligned by time: ${said.join("; ")}.` : "";
}

/** 0:07.04, 1:02:07.04: minutes, seconds and hundredths. @param {number} seconds */
export function timeWords(seconds) {
  const hundredths = Math.floor(Math.max(0, seconds) * 100 + 0.5);
  const [whole, rest] = [Math.floor(hundredths / 100), hundredths % 100];
  const two = (/** @type {number} */ one) => String(one).padStart(2, "0");
  const hours = Math.floor(whole / 3600);
  return `${hours ? `${hours}:${two(Math.floor(whole / 60) % 60)}` : Math.floor(whole / 60)}:${two(whole % 60)}.${two(rest)}`;
}
