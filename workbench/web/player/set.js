// @ts-check
// The sets of frames that belong together: one frame of each video for an index of the clock.

/** @typedef {import("./source.js").FrameSource & {failed: Error | null}} FrameSource */

/**
 * @param {FrameSource[]} sources
 * @param {import("./timing.js").Timing} timing
 */
export function frameSet(sources, timing) {
  return {
    /** Prepare these indexes, in this order. @param {number[]} indexes @param {number} urgent */
    want(indexes, urgent) {
      sources.forEach((source, video) => {
        const frames = [...new Set(indexes.map((index) => timing.frame(video, index)))];
        source.want(frames, Math.min(frames.length, urgent));
      });
    },
    /** Whether every video has its frame. @param {number} index */
    ready: (index) => sources.every((source, video) => source.has(timing.frame(video, index))),
    /** The images of an index, in the order of the videos; null for a frame that cannot be decoded. @param {number} index */
    images: (index) => sources.map((source, video) => source.image(timing.frame(video, index))),
  };
}
