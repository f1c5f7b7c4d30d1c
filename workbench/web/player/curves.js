// @ts-check
// Per-frame values of the videos as curves under the time line, with the playhead and marks at the worst frames.

import { formatNumber, h, s } from "../dom.js";
import { letter } from "./stage.js";

const HEIGHT = 72;
const WIDTH = 1000;
const WORST = 3; // marks of each curve
const APART_S = 0.4; // between two marks
const MOST_POINTS = 2000;

/**
 * @typedef {object} Series  Values of one video.
 * @property {string} name  Such as sharpness.
 * @property {string} [unit]
 * @property {"higher" | "lower" | "neither" | null} [better]
 * @property {string} [meaning]
 * @property {number[]} times  Seconds.
 * @property {(number | null)[]} values
 */

/**
 * @param {{series?: Series[]}[]} videos
 * @param {import("./timing.js").Timing} timing
 * @param {(index: number) => void} seek
 */
export function curves(videos, timing, seek) {
  const names = [...new Set(videos.flatMap((video) => (video.series ?? []).map((one) => one.name)))];
  const charts = names.map((name) => chart(name, videos.map((video) => video.series?.find((one) => one.name === name)), timing, seek));
  const worst = charts.flatMap((one) => one.worst).sort((a, b) => a - b);
  return {
    element: names.length ? h("div", { class: "wb-player-curves" }, charts.map((one) => one.element)) : null,
    worst,
    show: (/** @type {number} */ index) => charts.forEach((one) => one.show(index)),
  };
}

/** @param {string} name @param {(Series | undefined)[]} lines @param {import("./timing.js").Timing} timing @param {(index: number) => void} seek */
function chart(name, lines, timing, seek) {
  const whole = timing.times[timing.times.length - 1] + timing.period;
  const first = lines.find((one) => one !== undefined);
  const all = lines.flatMap((one) => one?.values ?? []).map((one) => one ?? NaN).filter(Number.isFinite);
  const [low, high] = [all.reduce((a, b) => Math.min(a, b), Infinity), all.reduce((a, b) => Math.max(a, b), -Infinity)];
  const room = (high - low) * 0.08 || 1;
  const x = (/** @type {number} */ second) => (second / whole) * WIDTH;
  const y = (/** @type {number} */ value) => HEIGHT - 4 - ((value - low + room) / (high - low + 2 * room)) * (HEIGHT - 8);
  const paths = lines.map((one, video) => one && s("path", { class: "wb-player-curve", "data-video": video, d: outline(one, x, y) }));
  const head = s("line", { class: "wb-player-curve-head", y1: 0, y2: HEIGHT });
  const plot = s("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", role: "img", "aria-label": `${name}, for each frame` }, paths, head);
  const found = lines.flatMap((one, video) => (one ? worstOf(one, whole).map((at) => ({ video, at, value: one.values[at], second: one.times[at] })) : []));
  const unit = first?.unit ? ` ${first.unit}` : "";
  const marks = found.map(({ video, value, second }) =>
    h("button", { type: "button", class: "wb-player-worst", "data-video": video, style: `left: ${((second / whole) * 100).toFixed(3)}%; top: ${((y(Number(value)) / HEIGHT) * 100).toFixed(2)}%`, title: `Worst frames of ${letter(video)}: ${formatNumber(value)}${unit} at ${second.toFixed(2)} s`, "aria-label": `${name} of ${letter(video)}: ${formatNumber(value)}${unit} at ${second.toFixed(2)} s`, onclick: () => seek(timing.index(second)) }),
  );
  const readings = lines.map((one, video) => one && h("span", { class: "wb-player-reading" }, h("span", { class: "wb-player-key", "data-video": video }, letter(video)), h("span", {})));
  const frame = h("div", { class: "wb-player-curve-frame" }, plot, marks);
  plot.addEventListener("click", (event) => {
    const box = plot.getBoundingClientRect();
    seek(timing.index(((event.clientX - box.left) / box.width) * whole));
  });
  const better = first?.better === "higher" ? "↑ higher is better" : first?.better === "lower" ? "↓ lower is better" : "";
  const element = h("figure", { class: "wb-player-chart", "data-series": name }, h("figcaption", {}, h("span", { title: first?.meaning ?? "" }, name.replaceAll("_", " ")), h("span", { class: "wb-muted" }, better), readings), frame);
  return {
    element,
    worst: found.map(({ second }) => timing.index(second)),
    show(/** @type {number} */ index) {
      const second = timing.times[index];
      head.setAttribute("x1", x(second).toFixed(2));
      head.setAttribute("x2", x(second).toFixed(2));
      lines.forEach((one, video) => {
        const place = one ? near(one.times, second) : -1;
        const words = /** @type {HTMLElement | null} */ (readings[video]?.lastElementChild ?? null);
        const value = one?.values[place];
        if (words) words.textContent = typeof value === "number" ? `${formatNumber(value)}${unit}` : "—";
      });
    },
  };
}

/** @param {Series} series @param {(second: number) => number} x @param {(value: number) => number} y */
function outline({ times, values }, x, y) {
  const every = Math.max(1, Math.ceil(times.length / MOST_POINTS));
  let pen = "M";
  let path = "";
  for (let at = 0; at < times.length; at += every) {
    const value = values[at];
    if (typeof value !== "number" || !Number.isFinite(value)) {
      pen = "M"; // a gap
      continue;
    }
    path += `${pen}${x(times[at]).toFixed(2)} ${y(value).toFixed(2)}`;
    pen = "L";
  }
  return path;
}

/** Places of the worst values, none near another; none where no direction is better. @param {Series} series @param {number} end  Seconds. */
function worstOf({ times, values, better }, end) {
  if (better !== "higher" && better !== "lower") return [];
  const sign = better === "higher" ? 1 : -1;
  const order = [...values.keys()].filter((at) => times[at] < end && Number.isFinite(values[at] ?? NaN)).sort((a, b) => sign * (Number(values[a]) - Number(values[b])));
  /** @type {number[]} */
  const kept = [];
  for (const at of order) {
    if (kept.length === WORST) break;
    if (kept.every((other) => Math.abs(times[other] - times[at]) >= APART_S)) kept.push(at);
  }
  return kept;
}

/** The last place whose time has come. @param {number[]} times @param {number} second */
function near(times, second) {
  let low = 0;
  let high = times.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (times[middle] <= second + 0.002) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}
