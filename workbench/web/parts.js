// @ts-check
// Plays the finished parts of a long output while the rest is made: fragmented MP4 files in sequence in a Media Source.

import { embedded } from "./api.js";
import { h } from "./dom.js";

const CODECS = 'video/mp4; codecs="avc1.64001f"';

/**
 * A growing player; `show(count)` sets the number of finished parts. Null if the browser does not support it. Calls
 * `sized(width, height)` once the size of the video is known.
 */
export function growingVideo(jobId, node, sized) {
  if (embedded() || !window.MediaSource?.isTypeSupported(CODECS)) return null; // a notebook cannot read bytes of another origin
  const element = h("video", { class: "wb-video", muted: true, playsInline: true, controls: true, "aria-label": "The finished part of the video" });
  const source = new MediaSource();
  element.src = URL.createObjectURL(source);
  element.addEventListener("loadedmetadata", () => sized(element.videoWidth, element.videoHeight), { once: true });
  let wanted = 0;
  let appended = 0;
  /** @type {SourceBuffer | null} */
  let buffer = null;
  let busy = false;

  source.addEventListener("sourceopen", () => {
    URL.revokeObjectURL(element.src);
    buffer = source.addSourceBuffer(CODECS);
    buffer.mode = "sequence"; // the timestamps of each part start at zero
    step();
  });

  async function step() {
    const growing = buffer;
    if (busy || !growing || appended >= wanted || source.readyState !== "open") return;
    busy = true;
    try {
      const answer = await fetch(`/api/jobs/${jobId}/nodes/${node}/parts/${appended}`);
      if (!answer.ok) throw new Error(String(answer.status));
      const bytes = await answer.arrayBuffer();
      await new Promise((done, failed) => {
        growing.addEventListener("updateend", done, { once: true });
        growing.addEventListener("error", failed, { once: true });
        growing.appendBuffer(bytes);
      });
      appended += 1;
      if (appended === 1) element.play().catch(() => {});
    } catch {
      wanted = appended; // the next update tries again
    }
    busy = false;
    step();
  }

  return {
    element,
    show(count) {
      wanted = Math.max(wanted, count);
      step();
    },
  };
}
