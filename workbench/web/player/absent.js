// @ts-check
// The place of a video that cannot be shown: it holds up no other one.

/** @typedef {import("./source.js").FrameSource} FrameSource */

/** @implements {FrameSource} */
export class Absent {
  count = 1;
  times = new Float64Array(1);
  fps = 0;
  durationS = 0;
  startS = 0;
  audio = false;
  width = 16;
  height = 9;
  turn = 0;

  /** @param {Error} failed  Why. */
  constructor(failed) {
    /** @type {Error | null} */
    this.failed = failed;
  }

  want() {}

  has() {
    return true;
  }

  image() {
    return null;
  }

  end() {}
}
