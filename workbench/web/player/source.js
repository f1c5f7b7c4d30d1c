// @ts-check
// The frames of one video, decoded by WebCodecs from its frame index, without a demuxer. It decodes what is wanted next, from
// the previous key frame on where needed, and holds few decoded frames, because each takes memory of the decoder.

import { blocks } from "./bytes.js";
import { orderOf } from "./order.js";

const MOST_QUEUED = 8; // packets in the decoder
const SLACK = 4; // frames that come out after the last one that is wanted, kept because they are wanted soon
const NEAR = 24; // packets: up to here, decoding on is faster than a new start
const MOST_LOST = 20; // frames, then the video is given up
const LATE = 8; // frames: one that is not there by then does not come
const UNIT = 1000; // the position of a packet is its timestamp, which its frame has too, whatever the order

/**
 * @typedef {object} FrameSource  What draws the frames of one video: a decoder, or a paused `<video>`.
 * @property {number} count
 * @property {Float64Array} times  Seconds, by frame.
 * @property {number} fps
 * @property {number} durationS
 * @property {number} startS  When the first frame is shown in the file, whose audio may begin earlier.
 * @property {boolean} audio  Whether the file has audio.
 * @property {number} width  As shown: rotated, with square pixels.
 * @property {number} height
 * @property {number} turn  Degrees clockwise by which an image is yet to be rotated.
 * @property {(frames: number[], urgent?: number) => void} want  Prepare these, the first one first; a start for frames after the
 *   first `urgent` ones is not worth it. All others are given up.
 * @property {(frame: number) => boolean} has  Whether it can be drawn, or never will.
 * @property {(frame: number) => CanvasImageSource | null} image  null if it cannot be decoded.
 * @property {() => void} end
 */

/** Whether this browser decodes the video frame by frame. @param {Api.Schema<"FrameIndex">} index */
export async function decodes(index) {
  if (typeof VideoDecoder === "undefined") return false;
  try {
    return Boolean((await VideoDecoder.isConfigSupported(configOf(index))).supported);
  } catch {
    return false;
  }
}

/** @param {Api.Schema<"FrameIndex">} index @returns {VideoDecoderConfig} */
function configOf({ codec, description, width, height }) {
  const record = description ? Uint8Array.from(atob(description), (one) => one.charCodeAt(0)) : undefined;
  return { codec, codedWidth: width, codedHeight: height, optimizeForLatency: true, ...(record ? { description: record } : {}) };
}

/** @implements {FrameSource} */
export class Source {
  #index;
  #order;
  #config;
  #packet;
  #changed;
  /** @type {VideoDecoder | null} */
  #decoder = null;
  /** @type {Map<number, VideoFrame>} */
  #held = new Map();
  /** @type {Set<number>} frames in the decoder */
  #inside = new Set();
  /** @type {Set<number>} frames that no start delivered */
  #broken = new Set();
  /** @type {number[]} */
  #wanted = [];
  #urgent = 0;
  #next = -1; // packet to decode next; -1: the decoder needs a start
  #start = 0; // the packet it began with
  #from = 0; // first frame after the last start
  #lost = 0; // frames that the decoder refused
  #running = false;
  #ended = false;
  #stir = () => {};

  /**
   * @param {Api.Schema<"FrameIndex">} index
   * @param {import("./bytes.js").Read} read
   * @param {() => void} changed  Called when a frame can be drawn.
   */
  constructor(index, read, changed) {
    this.#index = index;
    this.#order = orderOf(index);
    this.#config = configOf(index);
    this.#packet = blocks(read, index.offsets.reduce((most, offset, packet) => Math.max(most, offset + index.sizes[packet]), 0));
    this.#changed = changed;
    const across = index.rotation % 180 !== 0;
    const wide = Math.round(index.width * (index.pixelAspect || 1));
    this.width = across ? index.height : wide;
    this.height = across ? wide : index.height;
    this.turn = index.rotation;
    this.count = this.#order.count;
    this.times = this.#order.times;
    this.fps = index.fps;
    this.startS = index.startS ?? 0;
    this.audio = index.audio ?? false;
    this.durationS = index.durationS;
    /** @type {Error | null} why nothing is decoded any more */
    this.failed = null;
  }

  has(/** @type {number} */ frame) {
    return this.#held.has(frame) || this.#broken.has(frame) || this.failed !== null;
  }

  image(/** @type {number} */ frame) {
    return this.#held.get(frame) ?? null;
  }

  /** How many decoded frames are held, and how many packets are in the decoder. */
  get load() {
    return { held: this.#held.size, queued: this.#decoder?.decodeQueueSize ?? 0 };
  }

  want(/** @type {number[]} */ frames, urgent = frames.length) {
    this.#wanted = frames;
    this.#urgent = urgent;
    for (const [frame, image] of this.#held) {
      if (this.#keeps(frame)) continue;
      image.close();
      this.#held.delete(frame);
    }
    this.#stir();
    if (!this.#running) this.#run();
  }

  end() {
    this.#ended = true;
    for (const image of this.#held.values()) image.close();
    this.#held.clear();
    if (this.#decoder && this.#decoder.state !== "closed") this.#decoder.close();
    this.#stir();
  }

  #keeps(/** @type {number} */ frame) {
    const top = Math.max(...this.#wanted);
    return this.#wanted.includes(frame) || (frame > top && frame <= top + SLACK);
  }

  async #run() {
    this.#running = true;
    try {
      for (;;) {
        const frame = this.#wanted.findIndex((one) => !this.has(one));
        if (this.#ended || frame < 0 || frame >= this.#urgent) break;
        await this.#approach(this.#wanted[frame]);
      }
    } catch (/** @type {any} */ error) {
      if (!this.#ended) this.failed = error;
      this.#changed();
    } finally {
      this.#running = false;
    }
  }

  /** One step towards a frame: a start, a packet into the decoder, or waiting for it. */
  async #approach(/** @type {number} */ frame) {
    const packet = this.#order.packetOf[frame];
    const start = this.#order.start(frame);
    const comes = this.#next >= 0 && (this.#inside.has(frame) ? frame >= this.#from : packet >= this.#next && start <= this.#next + NEAR);
    if (!comes) this.#begin(start);
    const decoder = /** @type {VideoDecoder} */ (this.#decoder);
    if (this.#next >= this.#index.offsets.length) return this.#flush(frame);
    // A frame whose packet is inside comes out alone, or after further packets where the decoder sorts.
    if (decoder.decodeQueueSize >= (this.#inside.has(frame) ? 1 : MOST_QUEUED)) return this.#stirred();
    const at = this.#next;
    if (at > this.#start && this.#order.frameOf[at] >= 0 && this.#order.frameOf[at] < this.#from) {
      this.#next = at + 1; // it needs the group before the start, and nothing after it needs this one
      return undefined;
    }
    const data = await this.#packet(this.#index.offsets[at], this.#index.sizes[at]);
    if (this.#ended || this.#decoder !== decoder || this.#next !== at) return undefined;
    const shown = this.#order.frameOf[at];
    if (shown >= 0) this.#inside.add(shown);
    this.#next = at + 1;
    try {
      decoder.decode(new EncodedVideoChunk({ type: this.#order.keys.has(at) ? "key" : "delta", timestamp: at * UNIT, data }));
    } catch (/** @type {any} */ error) {
      if (at === 0 || error.name !== "DataError") throw error;
      this.#inside.delete(shown);
      this.#order.refuse(at); // the container calls it a key frame, the decoder does not
      this.#next = -1;
    }
    return this.#inside.has(frame) ? this.#breath() : undefined;
  }

  #begin(/** @type {number} */ packet) {
    if (!this.#decoder || this.#decoder.state === "closed") {
      this.#decoder = new VideoDecoder({ output: (image) => this.#take(image), error: (error) => this.#fail(error) });
      this.#decoder.addEventListener("dequeue", () => this.#stir());
    } else if (this.#inside.size || this.#next < 0) this.#decoder.reset();
    if (this.#decoder.state === "unconfigured") this.#decoder.configure(this.#config);
    this.#inside.clear();
    this.#next = packet;
    this.#start = packet;
    this.#from = packet === 0 ? 0 : Math.max(0, this.#order.frameOf[packet]);
  }

  /** The end of the file: take everything out of the decoder, which needs a start then. */
  async #flush(/** @type {number} */ frame) {
    const decoder = /** @type {VideoDecoder} */ (this.#decoder);
    await decoder.flush().catch(() => null); // it failed, or was reset
    if (this.#decoder !== decoder || this.#ended) return;
    this.#inside.clear();
    this.#next = -1;
    if (!this.has(frame) && this.#wanted.includes(frame)) this.#lose(frame);
  }

  #take(/** @type {VideoFrame} */ image) {
    const frame = this.#order.frameOf[Math.round(image.timestamp / UNIT)];
    this.#inside.delete(frame);
    if (this.#ended || frame < this.#from || !this.#keeps(frame) || this.#held.has(frame)) image.close();
    else this.#held.set(frame, image);
    for (const skipped of this.#inside) if (skipped < frame - LATE && skipped >= this.#from && this.#wanted.includes(skipped)) this.#lose(skipped);
    this.#stir();
    this.#changed();
  }

  /** The decoder went past a frame: it is damaged. Without this, everything would wait for it. */
  #lose(/** @type {number} */ frame) {
    this.#inside.delete(frame);
    this.#broken.add(frame);
    this.#changed();
  }

  #fail(/** @type {Error} */ error) {
    const frame = this.#wanted.find((one) => !this.has(one));
    this.#next = -1;
    this.#inside.clear();
    if (frame === undefined) return;
    const start = this.#order.start(frame);
    if (start > 0 && start === this.#start) this.#order.refuse(start); // try from the group before
    else if (this.#lost >= MOST_LOST) this.failed = error;
    else {
      this.#lost += 1;
      this.#lose(frame); // the next frames may be whole
    }
    this.#stir();
    this.#changed();
  }

  #stirred() {
    return /** @type {Promise<void>} */ (new Promise((resolve) => (this.#stir = resolve)));
  }

  /** Until the decoder has taken what it was given, or something changes. */
  #breath() {
    return this.#decoder?.decodeQueueSize ? this.#stirred() : undefined;
  }
}
