// @ts-check
// The frames of a video in the order in which they are shown, from its frame index, which lists packets in decoding order.

/** @typedef {Api.Schema<"FrameIndex">} FrameIndex */

/**
 * @typedef {object} Order
 * @property {number} count  Frames.
 * @property {Float64Array} times  Seconds, by frame.
 * @property {Int32Array} packetOf  Position of the packet, by frame.
 * @property {Int32Array} frameOf  The frame, by position of the packet; -1 if it is never shown.
 * @property {Set<number>} keys  Packets that the file marks as key frames.
 * @property {(frame: number) => number} start  Position of the packet from which a decoder reaches the frame.
 * @property {(packet: number) => void} refuse  This packet turned out not to be a start.
 */

/** @param {FrameIndex} index @returns {Order} */
export function orderOf(index) {
  const shown = [...index.times.keys()].filter((packet) => index.times[packet] >= 0);
  const packetOf = Int32Array.from(shown.sort((a, b) => index.times[a] - index.times[b] || a - b));
  const unit = index.timeBase[0] / index.timeBase[1];
  const frameOf = new Int32Array(index.times.length).fill(-1);
  packetOf.forEach((packet, frame) => (frameOf[packet] = frame));
  let keys = index.key.length ? [...index.key] : [0];
  return {
    count: packetOf.length,
    times: Float64Array.from(packetOf, (packet) => index.times[packet] * unit),
    packetOf,
    frameOf,
    keys: new Set(keys),
    // Frames that are shown before a key frame, but come after it in the file, need the group before (an open one).
    start: (frame) => keys.findLast((key) => key <= packetOf[frame] && index.times[key] <= index.times[packetOf[frame]]) ?? 0,
    refuse: (packet) => (keys = keys.filter((key) => key !== packet || key === 0)),
  };
}

/**
 * The frame that is shown at a time: the last one that has begun. 0 before the first.
 * @param {Float64Array} times  Ascending.
 * @param {number} at
 */
export function frameAt(times, at) {
  let low = 0;
  let high = times.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (times[middle] <= at) low = middle + 1;
    else high = middle;
  }
  return Math.max(0, low - 1);
}
