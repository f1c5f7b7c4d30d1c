// @ts-check
// Plays the finished parts of a long output while the rest is made: fragmented MP4 files, one after the other, in a Media
// Source.

import { ask, embedded } from "./api.js";
import { h } from "./dom.js";

const PICTURES = "avc1.64001f";
const SOUND = "mp4a.40.2";
const codecs = (/** @type {string[]} */ ...names) => `video/mp4; codecs="${names.join(", ")}"`;
const HEAD_BYTES = 4096; // the description of the tracks stands at the beginning of a part

/**
 * A growing player; `show(count)` sets the number of finished parts. Null if the browser does not support it. Calls
 * `sized(width, height)` once the size of the video is known.
 */
export function growingVideo(jobId, node, sized) {
  if (embedded() || !window.MediaSource?.isTypeSupported(codecs(PICTURES))) return null; // a notebook cannot read bytes of another origin
  const element = h("video", { class: "wb-video", muted: true, playsInline: true, controls: true, "aria-label": "The finished part of the video" });
  const source = new MediaSource();
  element.src = URL.createObjectURL(source);
  element.addEventListener("loadedmetadata", () => sized(element.videoWidth, element.videoHeight), { once: true });
  /** @type {Api.Schema<"PartEntry">[]} */
  let known = [];
  let wanted = 0;
  let appended = 0;
  /** @type {SourceBuffer | null} */
  let buffer = null;
  let busy = false;

  source.addEventListener("sourceopen", () => {
    URL.revokeObjectURL(element.src);
    step();
  });

  async function step() {
    if (busy || appended >= wanted || source.readyState !== "open") return;
    busy = true;
    try {
      if (appended >= known.length) known = (await ask("GET /api/jobs/{job_id}/nodes/{node}/parts", { job_id: jobId, node })).parts;
      const part = known[appended];
      const answer = await fetch(part.url);
      if (!answer.ok) throw new Error(String(answer.status));
      await append(await answer.arrayBuffer(), part.startS ?? 0);
      appended += 1;
      if (appended === 1) element.play().catch(() => {});
    } catch {
      wanted = appended; // the next update tries again
    }
    busy = false;
    step();
  }

  function append(/** @type {ArrayBuffer} */ bytes, /** @type {number} */ start) {
    buffer ??= source.addSourceBuffer(hasSound(bytes) ? codecs(PICTURES, SOUND) : codecs(PICTURES));
    const growing = buffer;
    growing.timestampOffset = start;
    return new Promise((done, failed) => {
      growing.addEventListener("updateend", done, { once: true });
      growing.addEventListener("error", failed, { once: true });
      growing.appendBuffer(bytes);
    });
  }

  return {
    element,
    show(count) {
      wanted = Math.max(wanted, count);
      step();
    },
  };
}

/** @param {ArrayBuffer} bytes */
const hasSound = (bytes) => new TextDecoder("latin1").decode(bytes.slice(0, HEAD_BYTES)).includes("mp4a");
