// @ts-check
// Plays 2 to 9 videos together, 0 frames apart: one clock, and a set of frames is drawn only when every video has its own. It
// knows nothing of HTTP, so that a page, a notebook and an exported file each bring their own access to the files.

import { fill, h } from "../dom.js";
import { Clock } from "./clock.js";
import { controls } from "./controls.js";
import { curves } from "./curves.js";
import { zoomed } from "./gestures.js";
import { listen } from "./keys.js";
import { open } from "./open.js";
import { frameSet } from "./set.js";
import { audible, sound } from "./sound.js";
import { stage } from "./stage.js";
import { MODES, SPEEDS, clean } from "./state.js";
import { timeline } from "./timeline.js";
import { timeWords, timing } from "./timing.js";

/** @typedef {import("./state.js").View} View */

/**
 * @typedef {object} Video
 * @property {string} label  What tells it from the others.
 * @property {() => Promise<Api.Schema<"FrameIndex">>} frames
 * @property {import("./bytes.js").Read} bytes  Of the file; `to` excluded.
 * @property {() => Promise<string> | string} url  Of the file, for its audio, and for `<video>` where frames cannot be decoded.
 * @property {boolean} [audio]  Whether its audio can be heard; as the frame index says if not given.
 * @property {() => Promise<number[]>} [peaks]  Of the waveform, 0 to 1.
 * @property {import("./timeline.js").Spoken} [spoken]
 * @property {import("./curves.js").Series[]} [series]
 */

const SLOW = 0.93; // of the wanted speed; below, it is said

/**
 * @typedef {object} Options
 * @property {Video[]} videos
 * @property {string[]} [notes]  Said below, instead of how the videos are aligned.
 * @property {Record<string, any>} [state]  A view of state.js, or a part of it.
 * @property {(view: View) => void} [changed]  Gets each new view, once it rests.
 * @property {EventTarget} [keys]  Where keys are listened to: the player itself, or the document of a page with one player.
 */

/** @param {HTMLElement} element @param {Options} options */
export function player(element, { videos, notes, state = {}, changed = () => {}, keys }) {
  let ended = false;
  let end = () => {};
  /** @type {(view: Record<string, any>) => void} */
  let update = () => {};
  const root = h("div", { class: "wb-player", tabindex: -1 }, h("p", { class: "wb-muted" }, "Reading the frames…"));
  fill(element, root);
  const ready = open(videos, () => arrived()).then(({ sources, notice }) => {
    if (ended) return sources.forEach((one) => one.end());
    const heard = videos.map((video, place) => ({ ...video, audio: video.audio ?? sources[place].audio }));
    ({ end, update, arrived } = begin(root, { videos: heard, sources, said: [notice, ...(notes ?? [])], aligned: !notes, state, changed, keys: keys ?? root }));
    return undefined;
  });
  let arrived = () => {};
  return {
    /** Settles when the videos are open. */
    ready,
    /** Show another view. @param {Record<string, any>} view */
    update: (view) => update(view),
    end() {
      ended = true;
      end();
      element.replaceChildren();
    },
  };
}

/** @param {HTMLElement} root @param {{videos: (Video & {audio: boolean})[], sources: (import("./source.js").FrameSource & {failed: Error | null})[], said: string[], aligned: boolean, state: Record<string, any>, changed: (view: View) => void, keys: EventTarget}} given */
function begin(root, { videos, sources, said, aligned, state, changed, keys }) {
  const time = timing(sources);
  const set = frameSet(sources, time);
  let view = clean({ sound: videos.findIndex((one) => one.audio), ...state }, videos.length, time.times.length - 1);
  const host = h("div", { class: "wb-player-stage" });
  const shown = stage(host, videos, sources, { view: () => view, change });
  const draw = (/** @type {number} */ index) => {
    shown.paint(set.images(index), (video) => sources[video].fps > 0 && time.over(video, index));
    root.dataset.index = String(index);
  };
  const clock = new Clock(set, time, draw);
  const commands = commandsOf();
  const bars = controls(videos, commands, change);
  const line = timeline(time, seek, (from, to) => change({ loop: [from, to] }));
  const charts = curves(videos, time, seek);
  const heard = sound(videos.map((one) => one.url));
  const notes = [...said, aligned ? time.words : ""].filter(Boolean).map((one) => h("p", { class: "wb-player-note" }, one));
  fill(root, bars.above, host, line.element, bars.below, bars.help, charts.element, notes);

  function seek(/** @type {number} */ index) {
    clock.seek(index);
  }

  /** Take a change of the view, draw it, and tell it. @param {Partial<View>} more */
  function change(more) {
    const before = view;
    view = clean({ ...view, ...more }, videos.length, clock.last);
    if (view.mode !== before.mode || view.pair.join() !== before.pair.join() || view.zoom !== before.zoom) shown.layout();
    else shown.words();
    if (view.speed !== before.speed || String(view.loop) !== String(before.loop)) clock.adjust(view);
    if (more.at !== undefined && view.at !== clock.at) clock.seek(view.at);
    if (view.sound !== before.sound) hear();
    redraw();
    told();
    tell();
  }

  /** Draw what is shown once more, unless its frames have been given up for others, which are then drawn soon. */
  function redraw() {
    if (clock.at >= 0 && set.ready(clock.at)) draw(clock.at);
  }

  function told() {
    bars.update(view, clock.playing);
    line.update(view.loop, timeWords(time.times[Math.max(0, clock.at)]));
  }

  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;
  /** Once it rests: browsers limit how often an address may change. */
  function tell() {
    clearTimeout(timer);
    timer = setTimeout(() => changed({ ...view, at: Math.max(0, clock.at) }), clock.playing ? 1500 : 250);
  }

  let hearing = 0;
  async function hear() {
    const mine = ++hearing;
    const video = videos[view.sound]?.audio ? view.sound : -1;
    heard.choose(video).catch(() => null);
    const words = Math.max(0, video);
    line.hear(words, null, videos[words].spoken);
    const peaks = video < 0 ? null : await videos[video].peaks?.().catch(() => null);
    if (peaks && mine === hearing) line.hear(words, { peaks, durationS: sources[video].durationS }, videos[words].spoken);
  }

  function follow() {
    heard.follow({ playing: clock.playing && !clock.waiting, at: time.times[Math.max(0, clock.at)] + (sources[view.sound]?.startS ?? 0), speed: clock.speed, pace: clock.pace });
  }

  clock.addEventListener("shown", () => {
    const { at } = clock;
    view = { ...view, at };
    line.show(at);
    charts.show(at);
    const slow = clock.playing && clock.pace < SLOW ? `slowed to ${(clock.pace * clock.speed).toFixed(2)} ×, so that all stay together` : clock.playing && view.sound >= 0 && !audible(view.speed) && videos.some((one) => one.audio) ? "no audio at this speed" : "";
    bars.say(`${timeWords(time.times[at])} / ${timeWords(time.times[clock.last] + time.period)} · frame ${at + 1} of ${clock.last + 1}`, slow);
    follow();
    if (!clock.playing) tell();
    root.dispatchEvent(new CustomEvent("wb-shown", { bubbles: true, detail: { index: at, pace: clock.pace } }));
  });
  clock.addEventListener("state", () => {
    told();
    follow();
    tell();
  });

  function commandsOf() {
    const zoom = (/** @type {number} */ factor) => change(zoomed(view, factor));
    const speed = (/** @type {number} */ by) => change({ speed: SPEEDS[Math.min(SPEEDS.length - 1, Math.max(0, SPEEDS.findLastIndex((one) => one <= view.speed) + by))] });
    const step = (/** @type {number} */ by) => {
      clock.pause();
      seek(clock.wished + by);
    };
    const second = (/** @type {number} */ by) => {
      const wished = time.index(time.times[clock.wished] + by);
      seek(wished === clock.wished ? wished + by : wished);
    };
    /** @type {Record<string, () => void>} */
    const all = {
      toggle: () => (clock.playing ? clock.pause() : clock.play()),
      back: () => step(-1),
      on: () => step(1),
      secondBack: () => second(-1),
      secondOn: () => second(1),
      first: () => seek(view.loop?.[0] ?? 0),
      last: () => seek(view.loop?.[1] ?? clock.last),
      loopFrom: () => change({ loop: [clock.wished, Math.max(view.loop?.[1] ?? clock.last, Math.min(clock.last, clock.wished + 1))] }),
      loopTo: () => change({ loop: [Math.min(view.loop?.[0] ?? 0, Math.max(0, clock.wished - 1)), clock.wished] }),
      loopOff: () => change({ loop: null }),
      slower: () => speed(-1),
      faster: () => speed(1),
      swap: () => change(view.mode === "flip" ? { flipped: view.flipped ? 0 : 1 } : { pair: [view.pair[1], view.pair[0]] }),
      closer: () => zoom(1.5),
      wider: () => zoom(1 / 1.5),
      whole: () => change({ zoom: 1, centre: [0.5, 0.5] }),
      sound: () => {
        const those = [-1, ...videos.keys()].filter((video) => video < 0 || videos[video].audio);
        change({ sound: those[(those.indexOf(view.sound) + 1) % those.length] });
      },
      worst: () => {
        const next = charts.worst.find((index) => index > clock.wished) ?? charts.worst[0];
        if (next !== undefined) seek(next);
      },
      help: () => bars.toggleHelp(),
    };
    for (const mode of MODES) all[mode] = () => change({ mode });
    return all;
  }

  const deaf = listen(keys, commands);
  const sized = new ResizeObserver(() => {
    shown.layout();
    redraw();
  });
  sized.observe(host);
  const resized = () => {
    shown.layout();
    redraw();
  };
  window.addEventListener("resize", resized);
  document.addEventListener("visibilitychange", follow);
  shown.layout();
  clock.adjust(view);
  told();
  hear();
  seek(view.at);

  return {
    arrived: () => clock.changed(),
    update: (/** @type {Record<string, any>} */ other) => change(other),
    end() {
      clearTimeout(timer);
      clock.end();
      deaf();
      sized.disconnect();
      window.removeEventListener("resize", resized);
      document.removeEventListener("visibilitychange", follow);
      heard.end();
      for (const one of sources) one.end();
    },
  };
}
