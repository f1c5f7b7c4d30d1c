// @ts-check
// The spoken text under the video. If the speech has the times of its words, the current word follows the sound, and a click
// or the arrow keys go to a word; otherwise the text stands plain.

import { h } from "./dom.js";

/**
 * @typedef {{text: string, start: number, end: number}} Word
 */

/**
 * What a job says: the words with their times, from the node that spoke them, or the text alone; null if nothing is known.
 * @param {Iterable<{output?: Record<string, any> | null, input?: Record<string, any>}>} nodes
 * @returns {{text: string, words: Word[]} | null}
 */
export function spokenIn(nodes) {
  const list = [...nodes];
  for (const { output } of list) {
    const words = output?.words;
    if (!Array.isArray(words) || !words.length || !words.every((one) => typeof one?.text === "string" && Number.isFinite(one.start_s))) continue;
    return { text: words.map((one) => one.text).join(" "), words: words.map((one) => ({ text: one.text, start: one.start_s, end: one.end_s })) };
  }
  for (const { output, input } of list) {
    if (typeof output?.narration === "string" && output.narration) return { text: output.narration, words: [] };
    if (typeof input?.narration === "string" && input.narration) return { text: input.narration, words: [] };
  }
  return null;
}

/**
 * The index of the word at a time: the last word that has started, or -1 before the first one.
 * @param {Word[]} words  In the order of their starts.
 * @param {number} at  In seconds.
 */
export function wordAt(words, at) {
  let low = 0;
  let high = words.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (words[middle].start <= at + 0.001) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

/**
 * The spoken text as an element that follows `player`.
 * @param {{text: string, words: Word[]}} spoken
 * @param {HTMLVideoElement} player
 */
export function spokenText({ text, words }, player) {
  const title = h("h3", { class: "wb-sr" }, "Spoken text");
  if (!words.length) return h("section", { class: "wb-spoken" }, title, h("p", { class: "wb-spoken-text", tabindex: 0 }, text));
  const spans = words.map((word, index) => h("span", { class: "wb-word", "data-word": index }, word.text));
  const passage = h("p", { class: "wb-spoken-text", tabindex: 0, role: "group", "aria-label": "Spoken text. The left and right arrow keys go from word to word.", onclick: clicked, onkeydown: keys }, spans.flatMap((span) => [span, " "]));
  const told = h("span", { class: "wb-sr", role: "status" });
  let current = -1;
  /** @type {number | null} */
  let wanted = null; // the word that the user chose; the player may not have its position yet

  function show(index) {
    if (index === current) return;
    if (current >= 0) spans[current].removeAttribute("aria-current");
    current = index;
    if (index < 0) return;
    spans[index].setAttribute("aria-current", "true");
    keepVisible(spans[index]);
  }

  /** Scroll inside the text only, never the page. */
  function keepVisible(span) {
    const top = span.offsetTop - passage.offsetTop;
    if (top < passage.scrollTop || top + span.offsetHeight > passage.scrollTop + passage.clientHeight) passage.scrollTop = top - passage.clientHeight / 3;
  }

  const follow = (/** @type {number} */ at) => {
    if (wanted === null) show(wordAt(words, at));
  };
  const frames = "requestVideoFrameCallback" in player;
  const step = (/** @type {number} */ _, /** @type {{mediaTime: number}} */ frame) => {
    follow(frame.mediaTime);
    if (!player.paused && player.isConnected) player.requestVideoFrameCallback(step);
  };
  player.addEventListener("play", () => frames && player.requestVideoFrameCallback(step)); // finer than timeupdate, four times a second
  player.addEventListener("timeupdate", () => follow(player.currentTime));
  player.addEventListener("seeked", () => {
    wanted = null;
    follow(player.currentTime);
  });

  function go(index) {
    const at = words[index].start;
    show(index);
    wanted = index;
    const seek = () => {
      player.currentTime = at;
    };
    if (player.readyState) return seek();
    player.addEventListener("loadedmetadata", () => wanted === index && seek(), { once: true });
    if (player.preload === "none") {
      player.preload = "auto";
      player.load();
    }
    return undefined;
  }

  function clicked(event) {
    const index = event.target.dataset?.word;
    if (index !== undefined && window.getSelection()?.isCollapsed !== false) go(Number(index));
  }

  function keys(event) {
    const move = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!move || event.ctrlKey || event.metaKey || event.altKey || event.shiftKey) return;
    event.preventDefault();
    const index = Math.min(words.length - 1, Math.max(0, current + move));
    go(index);
    told.textContent = words[index].text;
  }

  return h("section", { class: "wb-spoken" }, title, passage, told);
}
