// @ts-check
// Plays video or audio whose bytes come through the kernel: it loads only the current and next pieces, never the whole file.

const AHEAD_S = 10;
const BEHIND_S = 30; // played parts are dropped after this time
const RANGE_BYTES = 1 << 20;

/** @typedef {(start: number, end: number) => Promise<Uint8Array>} Read */

/** @param {Read} read @param {number} size  The bytes of a file that is displayed as a whole, such as an image. */
export async function whole(read, size) {
  const parts = [];
  for (let at = 0; at < size; at += RANGE_BYTES) parts.push(/** @type {BlobPart} */ (await read(at, Math.min(size, at + RANGE_BYTES))));
  return parts;
}

/** Feeds a player from a fragmented MP4 whose pieces start with key frames, so that seeking loads only the visible piece. */
export class Pieces {
  #player;
  #read;
  #index;
  #source = new MediaSource();
  /** @type {SourceBuffer | null} */
  #buffer = null;
  /** @type {[number, number, number][]} second, offset, size */
  #pieces = [];
  #busy = false;
  #anew = false;
  #tried = new Set();

  /**
   * @param {HTMLMediaElement} player
   * @param {() => Promise<any>} index  Returns the positions of the pieces.
   * @param {Read} read
   */
  constructor(player, index, read) {
    this.#player = player;
    this.#index = index;
    this.#read = read;
    this.address = URL.createObjectURL(this.#source);
    this.#source.addEventListener("sourceopen", () => this.#begin(), { once: true });
  }

  async #begin() {
    try {
      const { kind, codecs, durationS, headBytes, pieces } = await this.#index();
      this.#pieces = pieces;
      this.#source.duration = durationS;
      this.#buffer = this.#source.addSourceBuffer(`${kind}/mp4; codecs="${codecs.join(", ")}"`);
      await this.#append(0, headBytes);
    } catch {
      return this.#fail();
    }
    for (const event of ["timeupdate", "seeking", "play"]) this.#player.addEventListener(event, () => this.#fill(event === "seeking"));
    return this.#fill();
  }

  async #fill(anew = false) {
    this.#anew ||= anew;
    if (this.#busy) return;
    this.#busy = true;
    try {
      for (let at; (at = this.#next()) !== -1; ) {
        const [, offset, size] = this.#pieces[at];
        this.#tried.add(at);
        await this.#append(offset, size);
        await this.#letGo();
      }
      if (this.#source.readyState === "open" && this.#has(this.#pieces.length - 1)) this.#source.endOfStream();
    } catch {
      this.#fail();
    }
    this.#busy = false;
  }

  /** The next piece to load; -1 if enough is buffered. */
  #next() {
    if (this.#anew) this.#tried.clear();
    this.#anew = false;
    if (this.#source.readyState === "closed") return -1;
    const now = this.#player.currentTime;
    const first = Math.max(0, this.#pieces.findLastIndex(([second]) => second <= now + 0.01));
    for (let at = first; at < this.#pieces.length && this.#pieces[at][0] <= now + AHEAD_S; at += 1) if (!this.#has(at) && !this.#tried.has(at)) return at;
    return -1;
  }

  /** @param {number} at */
  #has(at) {
    const end = this.#pieces[at + 1]?.[0] ?? this.#source.duration;
    const middle = (this.#pieces[at][0] + end) / 2;
    const { buffered } = /** @type {SourceBuffer} */ (this.#buffer);
    for (let one = 0; one < buffered.length; one += 1) if (buffered.start(one) <= middle && middle <= buffered.end(one)) return true;
    return false;
  }

  /** @param {number} offset @param {number} size */
  async #append(offset, size) {
    for (const part of await whole((start, end) => this.#read(offset + start, offset + end), size)) {
      if (this.#source.readyState === "closed") return; // the player has another source
      await this.#done(() => this.#buffer?.appendBuffer(/** @type {BufferSource} */ (part)));
    }
  }

  async #letGo() {
    const until = this.#player.currentTime - BEHIND_S;
    if (until > 0 && this.#buffer?.buffered.length && this.#buffer.buffered.start(0) < until - BEHIND_S) {
      await this.#done(() => this.#buffer?.remove(0, until));
      this.#tried.clear();
    }
  }

  /** @param {() => void} change */
  #done(change) {
    return new Promise((resolve, reject) => {
      this.#buffer?.addEventListener("updateend", resolve, { once: true });
      this.#buffer?.addEventListener("error", reject, { once: true });
      change();
    });
  }

  #fail() {
    if (this.#source.readyState === "open") this.#source.endOfStream("network");
  }
}
