// @ts-check
// Plays the finished parts of a long video while the rest is made: fragmented MP4 files, one after the other, in a Media
// Source. It holds only what is around the position, so that a video of any length needs the same memory.

import { ask, readFile } from "./api.js";
import { h } from "./dom.js";

const PICTURES = "avc1.64001f";
const SOUND = "mp4a.40.2";
const codecs = (/** @type {string[]} */ ...names) => `video/mp4; codecs="${names.join(", ")}"`;
const HEAD_BYTES = 4096; // the description of the tracks stands at the beginning of a part
const AHEAD_S = 60; // loaded beyond the position
const BEHIND_S = 30; // kept before it

/** @typedef {Api.Schema<"PartEntry">} Part */

/** Whether this browser can play parts. */
export const playsParts = () => Boolean(window.MediaSource?.isTypeSupported(codecs(PICTURES, SOUND)));

/** A player of the finished parts of one node. `show(count, all)` tells it how many there are; `end()` stops it. */
export class GrowingVideo {
  player = h("video", { class: "wb-video", playsInline: true, controls: true, "aria-label": "The finished part of the video" });

  #jobId;
  #node;
  #source = new MediaSource();
  /** @type {SourceBuffer | null} */
  #buffer = null;
  /** @type {Part[]} */
  #known = [];
  #finished = 0;
  #all = false; // whether there will be no more
  #knowsAll = false; // its last parts may come with the end of the node, after the last count
  /** @type {Set<number>} parts in the buffer */
  #loaded = new Set();
  #busy = false;

  /** @param {string} jobId @param {string} node */
  constructor(jobId, node) {
    this.#jobId = jobId;
    this.#node = node;
    const address = URL.createObjectURL(this.#source);
    this.#source.addEventListener("sourceopen", () => {
      URL.revokeObjectURL(address);
      this.#fill();
    });
    this.player.src = address;
    this.player.addEventListener("timeupdate", () => this.#fill());
    this.player.addEventListener("seeking", () => {
      this.#forgetDropped();
      this.#fill();
    });
  }

  /** Seconds that can be played. */
  get seconds() {
    return Number.isFinite(this.#source.duration) ? this.#source.duration : 0;
  }

  /** @param {number} count @param {boolean} all */
  show(count, all) {
    this.#finished = Math.max(this.#finished, count);
    this.#all = all;
    this.#fill();
  }

  end() {
    this.player.pause();
    this.player.removeAttribute("src");
    this.player.load();
  }

  async #fill() {
    if (this.#busy) return;
    this.#busy = true;
    try {
      if (this.#finished > this.#known.length || this.#all !== this.#knowsAll) {
        const all = this.#all;
        const { parts } = await ask("GET /api/jobs/{job_id}/nodes/{node}/parts", { job_id: this.#jobId, node: this.#node });
        if (parts.length >= this.#known.length) this.#known = parts; // none once the job has ended
        this.#knowsAll = all;
      }
      for (let index; this.#source.readyState !== "closed" && (index = this.#next()) !== -1; ) await this.#load(index);
      const last = this.#known.length - 1;
      if (this.#knowsAll && this.#loaded.has(last) && this.#source.readyState === "open") this.#source.endOfStream();
    } catch {
      // The next update of the job or of the position tries again.
    }
    this.#busy = false;
  }

  /** The part that the position needs next; -1 if enough is loaded. */
  #next() {
    const now = this.player.currentTime;
    for (let at = this.#partAt(now); at < this.#known.length && this.#known[at].startS <= now + AHEAD_S; at += 1) if (!this.#loaded.has(at)) return at;
    return -1;
  }

  /** @param {number} second */
  #partAt(second) {
    return Math.max(0, this.#known.findLastIndex((part) => part.startS <= second + 0.01));
  }

  /** @param {number} index */
  async #load(index) {
    const bytes = await readFile("GET /api/jobs/{job_id}/nodes/{node}/parts/{index}", { job_id: this.#jobId, node: this.#node, index });
    if (this.#source.readyState === "closed") return;
    if (!this.#buffer) {
      this.player.muted ||= !hasSound(bytes); // so that the browser lets it play by itself
      this.#buffer = this.#source.addSourceBuffer(hasSound(bytes) ? codecs(PICTURES, SOUND) : codecs(PICTURES));
    }
    const buffer = this.#buffer;
    await this.#drop(this.player.currentTime - BEHIND_S);
    const { ended } = this.player; // it played all parts that there were
    buffer.timestampOffset = this.#known[index].startS;
    try {
      await done(buffer, () => buffer.appendBuffer(bytes));
    } catch (error) {
      if (/** @type {Error} */ (error).name !== "QuotaExceededError") throw error;
      await this.#drop(this.player.currentTime); // the next update of the position tries again
      throw error;
    }
    this.#loaded.add(index);
    const end = buffer.buffered.length ? buffer.buffered.end(buffer.buffered.length - 1) : 0;
    this.#source.duration = Math.max(this.seconds, end);
    if (ended) this.player.play().catch(() => null);
  }

  /** Remove the parts before the one that is played at a time; a part starts with a key frame. @param {number} second */
  async #drop(second) {
    const first = this.#partAt(second);
    const gone = [...this.#loaded].filter((index) => index < first);
    if (second <= 0 || !gone.length) return;
    const buffer = /** @type {SourceBuffer} */ (this.#buffer);
    await done(buffer, () => buffer.remove(0, this.#known[first].startS));
    for (const index of gone) this.#loaded.delete(index);
  }

  /** The browser may drop played parts itself. */
  #forgetDropped() {
    const { buffered } = this.player;
    const has = (/** @type {number} */ second) => [...Array(buffered.length).keys()].some((one) => buffered.start(one) <= second && second <= buffered.end(one));
    for (const index of this.#loaded) if (!has(this.#known[index].startS + 0.05)) this.#loaded.delete(index);
  }
}

/** @param {SourceBuffer} buffer @param {() => void} change */
function done(buffer, change) {
  return new Promise((resolve, reject) => {
    const settle = (/** @type {Event} */ event) => {
      buffer.removeEventListener("updateend", settle);
      buffer.removeEventListener("error", settle);
      if (event.type === "error") reject(new Error("the part cannot be played"));
      else resolve(null);
    };
    buffer.addEventListener("updateend", settle);
    buffer.addEventListener("error", settle);
    try {
      change();
    } catch (error) {
      buffer.removeEventListener("updateend", settle);
      buffer.removeEventListener("error", settle);
      reject(error);
    }
  });
}

/** @param {ArrayBuffer} bytes */
const hasSound = (bytes) => new TextDecoder("latin1").decode(bytes.slice(0, HEAD_BYTES)).includes("mp4a");
