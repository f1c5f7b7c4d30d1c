// @ts-check
// The stage of a job: a preview of the current frame, then the finished parts as a video, and at the end the video itself.

import { setUrl } from "./api.js";
import { artifact, artifactsOf } from "./artifact.js";
import { fill, h, icon, problem, seconds } from "./dom.js";
import { isFinal, nodesOf } from "./job.js";
import { videoOf } from "./outcome.js";
import { GrowingVideo, playsParts } from "./parts.js";
import { replacePlayer, start } from "./playback.js";
import { spokenIn, spokenText } from "./spoken.js";

/** @typedef {import("./job.js").Job} Job */

const PREVIEW_EVERY_MS = 1900;

/** The stage in `element`: `update(job)` after each change, `end()` when the view is removed. @param {HTMLElement} element @param {string} jobId */
export function createStage(element, jobId) {
  const stage = new Stage(element, jobId);
  return { update: (/** @type {Job} */ job) => stage.update(job), end: () => stage.end() };
}

class Stage {
  /** @type {"" | "preview" | "parts" | "video"} */
  #shown = "";
  /** @type {GrowingVideo | null} */
  #growing = null;
  #growingFrom = -1; // the place of its node
  #said = "";
  #text = h("div", {});
  #facts = h("span", { class: "wb-muted" });
  #previewAt = 0;
  #picture;

  /** @param {HTMLElement} element @param {string} jobId */
  constructor(element, jobId) {
    this.element = element;
    this.jobId = jobId;
    this.#picture = h("img", { class: "wb-preview", alt: "The current frame", onload: () => this.#shape(this.#picture.naturalWidth, this.#picture.naturalHeight) });
    fill(element, h("div", { class: "wb-stage-empty" }, icon("play"), h("span", {}, "The result appears here")));
  }

  /** @param {Job} job */
  update(job) {
    if (this.#shown === "video") return;
    if (job.status === "completed") {
      if (!job.record || !isFinal(job.record.status)) return;
      this.#shown = "video";
      this.#showVideo(job);
    } else if (isFinal(job.status)) {
      if (!this.#growing) fill(this.element, h("div", { class: "wb-stage-empty" }, h("span", {}, job.status === "cancelled" ? "Cancelled" : "No video was made")));
      if (!this.#growing) this.#shown = "video";
    } else {
      if (playsParts()) this.#showParts(job);
      if (!this.#growing) this.#showPreview(job);
    }
  }

  end() {
    this.#growing?.end();
    this.element.replaceChildren();
  }

  // Give the stage the shape of what it shows, so that a picture fills it and later ones replace it without a move.
  #shape(/** @type {number | null | undefined} */ width, /** @type {number | null | undefined} */ height) {
    if (width && height) this.element.parentElement?.style.setProperty("--wb-aspect", (width / height).toFixed(4));
  }

  #showParts(/** @type {Job} */ job) {
    const nodes = nodesOf(job);
    // Of the nodes that make parts of a video, the last one is closest to the result, and perhaps the only one with sound.
    const best = nodes.findLastIndex((one) => one.parts && one.partKind === "video");
    if (best > this.#growingFrom) {
      this.#growingFrom = best;
      this.#begin(new GrowingVideo(this.jobId, nodes[best].id));
    }
    if (best >= 0) this.#growing?.show(nodes[best].parts ?? 0, nodes[best].status === "completed");
    if (this.#shown === "parts") this.#say(job);
  }

  /** What was shown before stays until the first frame is there. */
  #begin(/** @type {GrowingVideo} */ growing) {
    const before = this.#growing;
    this.#growing = growing;
    const { player } = growing;
    player.addEventListener("durationchange", () => this.#growing === growing && (this.#facts.textContent = `${seconds(growing.seconds)} finished so far`));
    player.addEventListener(
      "loadeddata",
      () => {
        before?.end();
        if (this.#growing !== growing || this.#shown === "video") return;
        this.#shown = "parts";
        this.#shape(player.videoWidth, player.videoHeight);
        fill(this.element, h("figure", { class: "wb-artifact", "data-kind": "parts" }, player, h("figcaption", {}, this.#facts)), this.#text);
        start(player, this.element);
      },
      { once: true },
    );
  }

  /** The text below, which takes its place before the final video does. */
  #say(/** @type {Job} */ job) {
    const spoken = spokenIn(nodesOf(job));
    const key = spoken && this.#growing ? `${this.#growingFrom} ${spoken.words.length} ${spoken.text}` : "";
    if (!spoken || !this.#growing || key === this.#said) return;
    this.#said = key;
    fill(this.#text, spokenText(spoken, this.#growing.player));
  }

  #showPreview(/** @type {Job} */ job) {
    const node = nodesOf(job).find((one) => one.status === "running" && one.preview);
    // All previews of a node have the same key. A new one replaces it at most every two seconds.
    if (!node || Date.now() - this.#previewAt <= PREVIEW_EVERY_MS) return;
    this.#previewAt = Date.now();
    setUrl(this.#picture, "src", "GET /api/jobs/{job_id}/nodes/{node}/preview", { job_id: this.jobId, node: node.id, at: this.#previewAt });
    if (this.#shown !== "preview") fill(this.element, this.#picture, h("span", { class: "wb-stage-note" }, "preview"));
    this.#shown = "preview";
  }

  async #showVideo(/** @type {Job} */ job) {
    try {
      const made = (await artifactsOf(job.jobId)).filter((one) => one.role === "output");
      const best = videoOf(job, made) ?? made.findLast((one) => one.ref.kind === "image");
      if (!best) return fill(this.element, h("div", { class: "wb-stage-empty" }, h("span", {}, "This job makes no picture")));
      this.#shape(best.ref.width, best.ref.height);
      if (best.ref.kind === "image") return fill(this.element, artifact(best.ref, { title: best.name.replaceAll("_", " ") }));
      const shown = artifact(best.ref, { title: "", autoplay: false });
      const player = /** @type {HTMLVideoElement} */ (shown.querySelector("video"));
      const spoken = spokenIn(nodesOf(job));
      const text = spoken ? spokenText(spoken, player) : null;
      const before = this.#growing;
      if (!before?.player.isConnected) return fill(this.element, shown, text);
      const swap = () => {
        const [figure] = this.element.children;
        figure.replaceWith(shown);
        fill(this.#text, text);
      };
      await replacePlayer(before.player, player, swap, this.element);
      before.end();
    } catch (error) {
      fill(this.element, problem(error, { compact: true }));
    }
    return undefined;
  }
}
