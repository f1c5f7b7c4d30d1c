// @ts-check
// The frames of one video where it cannot be decoded frame by frame: a paused `<video>` that is moved to each frame. Exact as far
// as the browser's seeking is, but slow, so that playing becomes stepping.

const PATIENCE_MS = 15_000;

/** @typedef {import("./source.js").FrameSource} FrameSource */

/** @implements {FrameSource} */
export class SteppedVideo {
  turn = 0; // a `<video>` rotates by itself
  /** @type {Error | null} */
  failed = null;
  #changed;
  #at = -1;
  #wanted = -1;
  #moving = false;
  #ended = false;

  /**
   * @param {HTMLVideoElement} player  With its address; it is not shown.
   * @param {{times: Float64Array, fps: number, durationS: number, startS: number, audio: boolean, width: number, height: number}} facts
   * @param {() => void} changed
   */
  constructor(player, { times, fps, durationS, startS, audio, width, height }, changed) {
    this.player = player;
    this.#changed = changed;
    this.count = times.length;
    this.times = times;
    this.fps = fps;
    this.durationS = durationS;
    this.startS = startS;
    this.audio = audio;
    this.width = width;
    this.height = height;
  }

  has(/** @type {number} */ frame) {
    return this.failed !== null || (frame === this.#at && !this.#moving);
  }

  image(/** @type {number} */ frame) {
    return this.failed || frame !== this.#at ? null : this.player;
  }

  want(/** @type {number[]} */ frames) {
    this.#wanted = frames[0];
    if (!this.#moving) this.#move();
  }

  end() {
    this.#ended = true;
    this.player.removeAttribute("src");
    this.player.load();
  }

  async #move() {
    if (this.#wanted === this.#at || this.failed) return;
    this.#moving = true;
    try {
      while (this.#wanted !== this.#at && !this.#ended) {
        const frame = this.#wanted;
        const until = frame + 1 < this.count ? this.times[frame + 1] : this.durationS;
        await seek(this.player, this.startS + (this.times[frame] + Math.max(until, this.times[frame] + 0.001)) / 2); // its middle, away from rounding
        this.#at = frame;
      }
    } catch (/** @type {any} */ error) {
      this.failed = error;
    }
    this.#moving = false;
    if (!this.#ended) this.#changed();
  }
}

/** @param {HTMLVideoElement} player @param {number} second */
async function seek(player, second) {
  await new Promise((resolve, reject) => {
    const timer = setTimeout(() => done(new Error("The browser does not show this frame")), PATIENCE_MS);
    const done = (/** @type {Error | null} */ error) => {
      clearTimeout(timer);
      player.removeEventListener("seeked", here);
      player.removeEventListener("error", failed);
      if (error) reject(error);
      else resolve(null);
    };
    const here = () => done(null);
    const failed = () => done(new Error(player.error?.message || "This browser cannot play the file"));
    player.addEventListener("seeked", here);
    player.addEventListener("error", failed);
    if (player.error) failed();
    else player.currentTime = second;
  });
  await presented(player);
}

/** The frame is drawn a little after "seeked": wait until the browser has presented it, where it says so. @param {HTMLVideoElement} player */
function presented(player) {
  return new Promise((resolve) => {
    if (!("requestVideoFrameCallback" in player)) return void setTimeout(resolve, 30);
    player.requestVideoFrameCallback(() => resolve(null));
    setTimeout(resolve, 120); // there is no callback where the frame did not change, or nothing is drawn
  });
}
