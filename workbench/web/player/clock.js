// @ts-check
// The one clock of a comparison: an index that all videos share. An index is shown only when every video has its frame; while
// playing, the clock waits for the slowest and so becomes slower, but never skips a video.

const AHEAD = 6; // indexes prepared while going forward
const BEHIND = 9; // and while going back, where each start decodes a whole group
const URGENT_BEHIND = 2;
const LATE = 3; // indexes: further behind, the clock gives up catching up
const MOST_SHOWN = 60; // indexes a second that are worth drawing
const WINDOW_MS = 1500; // in which the real speed is measured

/**
 * @typedef {object} Set
 * @property {(index: number[], urgent: number) => void} want
 * @property {(index: number) => boolean} ready
 */

export class Clock extends EventTarget {
  /** The index that is shown; -1 before the first. */
  at = -1;
  playing = false;
  speed = 1;
  /** @type {[number, number] | null} */
  loop = null;
  /** What the clock reaches of the wanted speed, 0 to 1. */
  pace = 1;
  #set;
  #timing;
  #draw;
  #target = -1; // of a seek in progress
  /** @type {number | null} the latest wish, while another seek is in progress */
  #later = null;
  #start = { time: 0, index: 0 }; // of the schedule
  #ended = false;
  #frame = 0;
  /** @type {{at: number, index: number}[]} */
  #shown = [];

  /**
   * Events: `shown` after each index, `state` when it starts or stops.
   * @param {Set} set
   * @param {import("./timing.js").Timing} timing
   * @param {(index: number) => void} draw
   */
  constructor(set, timing, draw) {
    super();
    this.#set = set;
    this.#timing = timing;
    this.#draw = draw;
  }

  get last() {
    return this.#timing.times.length - 1;
  }

  /** Whether an index is awaited. */
  get waiting() {
    return this.#target >= 0;
  }

  /** Show another index, as soon as all videos have it. While one is awaited, only the latest wish counts. */
  seek(/** @type {number} */ index) {
    const wished = Math.min(this.last, Math.max(0, index));
    if (this.#target >= 0) {
      this.#later = wished;
      return;
    }
    if (wished === this.at) return this.#restart();
    this.#target = wished;
    this.#prepare(wished, wished < this.at && wished >= this.at - BEHIND);
    this.changed();
  }

  /** The index that a step starts from: the one that is shown next. */
  get wished() {
    return this.#later ?? (this.#target >= 0 ? this.#target : Math.max(0, this.at));
  }

  play() {
    if (this.playing) return;
    this.playing = true;
    const [first, last] = this.loop ?? [0, this.last];
    if (this.at >= last || this.at < first) this.seek(first);
    this.#restart();
    this.#state();
    this.#tick();
  }

  pause() {
    if (!this.playing) return;
    this.playing = false;
    cancelAnimationFrame(this.#frame);
    this.#state();
  }

  /** Take new values of speed and loop. */
  adjust(/** @type {{speed?: number, loop?: [number, number] | null}} */ { speed = this.speed, loop = this.loop }) {
    this.speed = speed;
    this.loop = loop;
    this.#restart();
    if (this.playing && this.#target < 0) this.#prepare(this.at, false);
    this.#state();
  }

  /** A video has got a frame. */
  changed() {
    if (this.#ended || this.#target < 0 || !this.#set.ready(this.#target)) return;
    const index = this.#target;
    this.#target = -1;
    this.#show(index);
    this.#restart();
    const later = this.#later;
    this.#later = null;
    if (later !== null) this.seek(later);
  }

  end() {
    this.#ended = true;
    this.playing = false;
    cancelAnimationFrame(this.#frame);
  }

  #tick() {
    this.#frame = requestAnimationFrame((now) => {
      if (!this.playing || this.#ended) return;
      if (this.#target < 0) this.#advance(now);
      if (this.playing) this.#tick();
    });
  }

  #advance(/** @type {number} */ now) {
    const { fps } = this.#timing;
    const [first, last] = this.loop ?? [0, this.last];
    const inside = this.at >= first && this.at <= last;
    if (this.at === last || !inside) {
      if (!this.loop) return this.pause();
      if (inside && now < this.#due(last) + (1000 * this.#timing.period) / this.speed) return undefined;
      if (!this.#set.ready(first)) {
        this.#set.want([...new Set([...this.#ahead(first), this.at])], AHEAD);
        return this.#hold(now);
      }
      this.#show(first);
      return this.#restart(now);
    }
    // Above the rate of a display some indexes are passed over, in all videos alike.
    const stride = Math.max(1, Math.ceil((fps * this.speed) / MOST_SHOWN));
    let next = this.at;
    for (let index = this.at + 1; index <= Math.min(last, this.at + stride); index += 1) if (now >= this.#due(index) && this.#set.ready(index)) next = index;
    if (next > this.at) this.#show(next);
    else if (now >= this.#due(this.at + 1)) this.#set.want([...this.#ahead(this.at).slice(1), this.at], AHEAD);
    if (now - this.#due(Math.min(last, this.at + 1)) > (LATE * 1000) / (fps * this.speed)) this.#hold(now);
    return undefined;
  }

  /** When an index is to be shown, in milliseconds of the page. */
  #due(/** @type {number} */ index) {
    const { times } = this.#timing;
    return this.#start.time + ((times[index] - times[this.#start.index]) * 1000) / this.speed;
  }

  /** The videos are late: the schedule starts anew at what is shown. */
  #hold(/** @type {number} */ now) {
    this.#start = { time: now - (1000 * this.#timing.period) / this.speed, index: Math.max(0, this.at) };
    this.#measure(now);
  }

  #restart(now = performance.now()) {
    this.#start = { time: now, index: Math.max(0, this.at) };
    this.#shown = [];
  }

  #show(/** @type {number} */ index) {
    this.#draw(index);
    const back = index < this.at && !this.playing;
    this.at = index;
    this.#prepare(index, back);
    if (this.playing) this.#measure(performance.now());
    this.dispatchEvent(new Event("shown"));
  }

  #measure(/** @type {number} */ now) {
    const { times } = this.#timing;
    this.#shown.push({ at: now, index: this.at });
    while (this.#shown.length > 2 && now - this.#shown[0].at > WINDOW_MS) this.#shown.shift();
    const [from] = this.#shown;
    const passed = (times[this.at] - times[from.index]) * 1000;
    this.pace = now - from.at < WINDOW_MS / 2 || passed < 0 ? 1 : Math.min(1, passed / ((now - from.at) * this.speed));
  }

  #prepare(/** @type {number} */ index, /** @type {boolean} */ back) {
    if (back) this.#set.want(Array.from({ length: BEHIND }, (_, step) => index - step).filter((one) => one >= 0), URGENT_BEHIND);
    else this.#set.want(this.#ahead(index), AHEAD);
  }

  /** The next indexes, also across the end of the loop. @param {number} index */
  #ahead(index) {
    const [first, last] = this.loop ?? [0, this.last];
    const list = [index];
    while (list.length < AHEAD) {
      const next = list[list.length - 1] + 1;
      if (next > last && index <= last) {
        if (!this.loop || !this.playing) break;
        list.push(first);
      } else if (next > this.last) break;
      else list.push(next);
    }
    return [...new Set(list)];
  }

  #state() {
    this.dispatchEvent(new Event("state"));
  }
}
