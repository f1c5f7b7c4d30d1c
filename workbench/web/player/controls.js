// @ts-check
// The bars of the player: the mode with its choices above the videos, and playing, speed, loop and audio below them.

import { button, fill, h, icon } from "../dom.js";
import { HELP } from "./keys.js";
import { letter } from "./stage.js";
import { GAINS, MODES, SPEEDS } from "./state.js";

/** @typedef {import("./state.js").View} View */

const MODE_WORDS = { grid: "Grid", wipe: "Wipe", difference: "Difference", flip: "Flip" };

const small = (/** @type {string} */ name, /** @type {string} */ label, /** @type {() => void} */ onclick) => h("button", { type: "button", class: "wb-button quiet wb-player-icon", "aria-label": label, title: label, onclick }, icon(name));
const choice = (/** @type {string} */ label, /** @type {[any, string][]} */ options, /** @type {(value: string) => void} */ chosen) =>
  h("select", { class: "wb-select", "aria-label": label, title: label, onchange: (/** @type {any} */ event) => chosen(event.currentTarget.value) }, options.map(([value, words]) => h("option", { value }, words)));

/**
 * @param {{label: string, audio: boolean}[]} videos
 * @param {Record<string, () => void>} commands
 * @param {(change: Partial<View>) => void} change
 */
export function controls(videos, commands, change) {
  const names = /** @type {[number, string][]} */ (videos.map(({ label }, video) => [video, `${letter(video)} · ${label}`]));
  const modes = MODES.map((mode) => h("button", { type: "button", class: "wb-player-mode", "data-mode": mode, onclick: () => change({ mode }) }, MODE_WORDS[mode]));
  /** @type {View | null} */
  let shown = null;
  const side = (/** @type {0 | 1} */ which) =>
    choice(which ? "Second video" : "First video", names, (value) => {
      const pair = /** @type {[number, number]} */ ([.../** @type {View} */ (shown).pair]);
      const other = pair[1 - which] === Number(value) ? pair[which] : pair[1 - which]; // the same twice: swap them
      change({ pair: which ? [other, Number(value)] : [Number(value), other] });
    });
  const sides = [side(0), side(1)];
  const swap = button("Swap", { kind: "quiet", title: "Swap the two videos (X)", onclick: () => commands.swap() });
  const gain = choice("Gain of the difference", GAINS.map((one) => [one, `× ${one}`]), (value) => change({ gain: Number(value) }));
  const pair = h("span", { class: "wb-player-pair" }, ...sides, swap, gain);
  const zoom = h("button", { type: "button", class: "wb-button quiet wb-player-zoom", title: "The whole video (0)", onclick: () => commands.whole() }, "100 %");
  const above = h("div", { class: "wb-player-bar" }, h("div", { class: "wb-player-modes", role: "group", "aria-label": "Mode" }, modes), pair, h("span", { class: "wb-player-space" }), h("span", { class: "wb-player-group" }, small("minus", "Smaller (−)", commands.wider), zoom, small("plus", "Larger (+)", commands.closer)));

  const toggle = h("button", { type: "button", class: "wb-button primary wb-player-toggle", onclick: () => commands.toggle() });
  const time = h("output", { class: "wb-player-time" });
  const pace = h("span", { class: "wb-player-pace", role: "status" });
  const speed = choice("Speed", SPEEDS.map((one) => [one, `${one} ×`]), (value) => change({ speed: Number(value) }));
  const audio = choice("Audio", [[-1, "No audio"], ...names.filter(([video]) => videos[video].audio).map(([video]) => /** @type {[number, string]} */ ([video, `Audio ${letter(video)}`]))], (value) => change({ sound: Number(value) }));
  const from = button("From here", { kind: "quiet", title: "Loop from this frame (I)", onclick: () => commands.loopFrom() });
  const to = button("To here", { kind: "quiet", title: "Loop to this frame (O)", onclick: () => commands.loopTo() });
  const off = small("close", "No loop (L)", commands.loopOff);
  const help = h("div", { class: "wb-player-help", hidden: true }, HELP.map(([key, words]) => h("span", {}, h("kbd", {}, key), ` ${words}`)));
  const ask = h("button", { type: "button", class: "wb-button quiet wb-player-icon", "aria-label": "Keyboard", "aria-expanded": "false", title: "Keyboard (?)", onclick: () => commands.help() }, "?");
  const below = h(
    "div",
    { class: "wb-player-bar" },
    h("span", { class: "wb-player-group" }, small("stepBack", "A frame back (←)", commands.back), toggle, small("stepOn", "A frame on (→)", commands.on)),
    time,
    pace,
    h("span", { class: "wb-player-space" }),
    h("span", { class: "wb-player-group wb-player-loop", role: "group", "aria-label": "Loop" }, icon("again"), from, to, off),
    h("span", { class: "wb-player-group" }, speed, audio, ask),
  );

  /** @param {View} view @param {boolean} playing */
  function update(view, playing) {
    shown = view;
    for (const one of modes) one.setAttribute("aria-pressed", String(one.dataset.mode === view.mode));
    pair.hidden = view.mode === "grid";
    sides.forEach((one, which) => {
      one.value = String(view.pair[which]);
      one.hidden = videos.length < 3;
    });
    gain.hidden = view.mode !== "difference";
    gain.value = String(view.gain);
    zoom.textContent = `${Math.round(view.zoom * 100)} %`;
    fill(toggle, icon(playing ? "pause" : "play"), playing ? "Pause" : "Play");
    if (![...speed.options].some((one) => Number(one.value) === view.speed)) speed.append(h("option", { value: view.speed }, `${view.speed} ×`));
    speed.value = String(view.speed);
    audio.value = String(videos[view.sound]?.audio ? view.sound : -1);
    audio.hidden = !videos.some((one) => one.audio);
    off.hidden = !view.loop;
  }

  return {
    above,
    below,
    help,
    update,
    /** @param {string} words @param {string} slow */
    say(words, slow) {
      time.textContent = words;
      if (pace.textContent !== slow) pace.textContent = slow;
    },
    toggleHelp() {
      help.hidden = !help.hidden;
      ask.setAttribute("aria-expanded", String(!help.hidden));
    },
  };
}
