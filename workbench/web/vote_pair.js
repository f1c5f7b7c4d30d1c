// @ts-check
// Two videos side by side that start, stop and seek together. At most one of them is heard.

import { button, h, icon } from "./dom.js";

const APART_S = 0.06; // further apart, the right one jumps to the left one
const CLOSE_S = 0.02; // between the two, it plays a little faster or slower
const STEP = 0.06;

/**
 * @param {string} left  Address of a video.
 * @param {string} right
 */
export function pair(left, right) {
  const sides = [left, right].map((src, index) => {
    const video = h("video", { class: "wb-vote-video", src, muted: true, playsInline: true, preload: "auto", "aria-label": index ? "Right video" : "Left video", disablePictureInPicture: true });
    video.setAttribute("controlslist", "nodownload");
    video.addEventListener("contextmenu", (event) => event.preventDefault());
    return video;
  });
  const [one, two] = /** @type {[HTMLVideoElement, HTMLVideoElement]} */ (sides);
  let ended = false;
  let playing = false;

  const words = h("span", { class: "wb-sr" }, "Play");
  const play = h("button", { type: "button", class: "wb-button", "aria-pressed": "false", onclick: () => toggle() }, icon("play"), words);
  const line = h("input", { type: "range", class: "wb-vote-line", min: 0, max: 1000, value: 0, step: 1, "aria-label": "Time", oninput: () => seek((Number(line.value) / 1000) * length()) });
  const heard = ["Left", "Right"].map((word, index) => button(word, { kind: "quiet", icon: "sound", "aria-pressed": "false", "aria-label": `Hear the ${word.toLowerCase()} video`, onclick: () => hear(sides[index]?.muted ? index : -1) }));
  const trouble = h("p", { class: "wb-muted", role: "status" });
  const element = h(
    "section",
    { class: "wb-vote-pair" },
    h("div", { class: "wb-vote-videos" }, h("figure", {}, one, h("figcaption", {}, "Left")), h("figure", {}, two, h("figcaption", {}, "Right"))),
    h("div", { class: "wb-vote-transport" }, play, line, h("span", { class: "wb-vote-sound", role: "group", "aria-label": "Sound" }, heard)),
    trouble,
  );
  for (const video of sides) video.addEventListener("error", () => (trouble.textContent = "A video cannot be played here. Say so to the person who asked you."));

  const length = () => Math.max(...sides.map((video) => (Number.isFinite(video.duration) ? video.duration : 0)), 0.04);
  /** @param {number} index  -1: none */
  function hear(index) {
    sides.forEach((video, at) => (video.muted = at !== index));
    heard.forEach((each, at) => each.setAttribute("aria-pressed", String(at === index)));
  }
  /** @param {number} to */
  function seek(to) {
    for (const video of sides) video.currentTime = Math.min(to, Number.isFinite(video.duration) ? video.duration : to);
  }
  function toggle(on = !playing) {
    playing = on;
    play.setAttribute("aria-pressed", String(on));
    words.textContent = on ? "Pause" : "Play";
    play.replaceChildren(icon(on ? "stop" : "play"), words);
    if (on && sides.every((video) => video.ended)) seek(0);
    for (const video of sides) {
      if (on && !video.ended) video.play().catch(() => null);
      else video.pause();
    }
  }
  /** Keep both in step, and begin again when the longer one has ended. */
  function step() {
    if (ended) return;
    if (playing) {
      if (sides.every((video) => video.ended)) {
        seek(0);
        for (const video of sides) video.play().catch(() => null);
      } else if (!one.ended && !two.ended && !one.seeking && !two.seeking) {
        const apart = two.currentTime - one.currentTime;
        if (Math.abs(apart) > APART_S) two.currentTime = one.currentTime;
        two.playbackRate = Math.abs(apart) > CLOSE_S ? 1 - Math.sign(apart) * STEP : 1;
      }
    }
    if (document.activeElement !== line || playing) line.value = String((1000 * Math.max(one.currentTime, two.currentTime)) / length());
    requestAnimationFrame(step);
  }
  Promise.all(sides.map((video) => new Promise((ready) => video.addEventListener("canplay", ready, { once: true })))).then(() => !ended && toggle(true));
  requestAnimationFrame(step);
  return {
    element,
    toggle: () => toggle(),
    sound: () => hear(one.muted && two.muted ? 0 : two.muted ? 1 : -1),
    end() {
      ended = true;
      for (const video of sides) {
        video.pause();
        video.removeAttribute("src");
        video.load();
      }
    },
  };
}
