// @ts-check
// Finished parts of a long output play before the end: fragmented mp4 behind each other in a Media Source.

import { embedded } from "./api.js";
import { h } from "./dom.js";

const CODECS = 'video/mp4; codecs="avc1.64001f"';

/** A player that grows; `show(count)` says how many parts there are now. Null where this browser cannot. */
export function growingVideo(jobId, node) {
  if (embedded() || !window.MediaSource?.isTypeSupported(CODECS)) return null; // another origin's bytes are not to be had
  const element = h("video", { class: "wb-video", muted: true, playsInline: true, controls: true, "aria-label": "The finished part of the video" });
  const source = new MediaSource();
  element.src = URL.createObjectURL(source);
  let wanted = 0;
  let appended = 0;
  /** @type {SourceBuffer | null} */
  let buffer = null;
  let busy = false;

  source.addEventListener("sourceopen", () => {
    URL.revokeObjectURL(element.src);
    buffer = source.addSourceBuffer(CODECS);
    buffer.mode = "sequence"; // by their own times the parts would lie on top of each other
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
      wanted = appended; // the next update asks again
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
