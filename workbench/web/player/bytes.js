// @ts-check
// Reads the packets of a file in blocks, of which some are kept. A short video is one block.

const BLOCK = 1 << 20;
const MOST_BLOCKS = 12;

/** @typedef {(from: number, to: number) => Promise<ArrayBuffer | Uint8Array>} Read  Bytes of the file, `to` excluded. */

/**
 * Returns a function that reads a range, and asks for the block after it ahead of time.
 * @param {Read} read
 * @param {number} end  Of the last packet.
 */
export function blocks(read, end) {
  /** @type {Map<number, Promise<Uint8Array>>} the latest used last */
  const kept = new Map();

  function block(/** @type {number} */ number) {
    let found = kept.get(number);
    kept.delete(number);
    if (!found) {
      found = read(number * BLOCK, Math.min(end, (number + 1) * BLOCK)).then((got) => (got instanceof Uint8Array ? got : new Uint8Array(got)));
      found.catch(() => kept.delete(number)); // the next attempt asks again
    }
    kept.set(number, found);
    for (const old of kept.keys()) {
      if (kept.size <= MOST_BLOCKS) break;
      kept.delete(old);
    }
    return found;
  }

  return async (/** @type {number} */ from, /** @type {number} */ size) => {
    const first = Math.floor(from / BLOCK);
    const last = Math.floor((from + size - 1) / BLOCK);
    if ((last + 1) * BLOCK < end && !kept.has(last + 1)) block(last + 1).catch(() => null);
    const whole = new Uint8Array(size);
    for (let number = first; number <= last; number += 1) {
      const found = await block(number);
      const begin = number * BLOCK;
      const part = found.subarray(Math.max(0, from - begin), Math.max(0, from + size - begin));
      whole.set(part, Math.max(0, begin - from));
      if (found.length < Math.min(BLOCK, end - begin)) throw new Error("The file is shorter than its frame index says");
    }
    return whole;
  };
}
