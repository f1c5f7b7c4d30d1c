// @ts-check
// Several videos side by side: the frame-locked player, and beside it what differs, the metrics and the curves over steps.

import { ask, mediaUrl, readBytes } from "./api.js";
import { comparedCurves } from "./compared_curves.js";
import { MOST_VIDEOS, differences, metrics, sidesOf, spokenBy, tokensOf } from "./comparison.js";
import { button, fill, formatNumber, h, problem } from "./dom.js";
import { goneNotice, watchGone } from "./gone.js";
import { betterWords, metricName, metricValue } from "./metrics.js";
import { player } from "./player/player.js";
import { letter } from "./player/stage.js";
import { fromQuery, toQuery } from "./player/state.js";

/** @typedef {import("./comparison.js").Side} Side */

const MOST_BESIDE = 3; // videos whose columns have room beside the player
const WAVEFORM_POINTS = 600;

/** @param {HTMLElement} element @param {string} wanted  Of the address. @param {() => void} back */
export function compare(element, wanted, back) {
  let ended = false;
  /** @type {(() => void)[]} */
  const stops = [];
  const tokens = tokensOf(wanted);
  const body = h("div", {}, h("p", { class: "wb-muted" }, "…"));
  const left = wanted.split(",").filter(Boolean).length - tokens.length;
  fill(element, button("← All runs", { kind: "quiet", onclick: back }), left ? h("p", { class: "wb-notice" }, `At most ${MOST_VIDEOS} videos are compared; ${left} are left out.`) : null, body);
  load().catch((error) => !ended && fill(body, problem(error)));

  async function load() {
    const sides = await sidesOf(tokens);
    if (ended) return;
    const gone = sides.filter((side) => side.gone);
    const rest = sides.filter((side) => !side.gone);
    if (gone.length && rest.length < 2) return void fill(body, rest.length ? [goneNotice(""), remaining(rest[0])] : goneNotice(""));
    const jobs = new Map(rest.filter(({ job }) => job).map(({ job }) => [job.jobId, job]));
    for (const job of jobs.values()) stops.push(watchGone(job.jobId, () => body.prepend(goneNotice(job.title || job.pipeline))));
    const stage = h("div", {});
    const beside = rest.length <= MOST_BESIDE && rest.some((side) => side.ref);
    fill(body, gone.length ? goneNotice("") : null, h("div", { class: "wb-comparison", "data-beside": beside ? "" : null }, stage, tables(rest)));
    showVideos(stage, rest);
  }

  /** @param {HTMLElement} stage @param {Side[]} sides */
  function showVideos(stage, sides) {
    if (!sides.some((side) => side.ref)) return void fill(stage, h("p", { class: "wb-muted" }, "These runs made no video."));
    const shown = player(stage, { videos: sides.map(videoOf), state: fromQuery(new URLSearchParams(window.location.search)), changed: keep, keys: document });
    stops.push(shown.end);
    return undefined;
  }

  /** Keep the view in the address, which can then be sent. @param {import("./player/state.js").View} view */
  function keep(view) {
    if (ended || !new URLSearchParams(window.location.search).has("compare")) return;
    const values = Object.entries(toQuery(view)).flatMap(([name, value]) => (value === null ? [] : [`${name}=${value}`]));
    window.history.replaceState(window.history.state, "", `/runs?${[`compare=${wanted}`, ...values].join("&")}`);
  }

  return () => {
    ended = true;
    for (const stop of stops) stop();
  };
}

/** The access of the player to a video. @param {Side} side @returns {import("./player/player.js").Video} */
function videoOf(side) {
  const sha256 = side.ref?.sha256 ?? "";
  const none = () => Promise.reject(new Error(side.job ? "This run made no video" : "This file is no video"));
  return {
    label: side.label,
    frames: sha256 ? () => ask("GET /api/artifacts/{sha256}/frames", { sha256 }) : none,
    bytes: (from, to) => readBytes(sha256, from, to),
    url: () => mediaUrl("GET /api/artifacts/{sha256}", { sha256 }),
    peaks: () => ask("GET /api/artifacts/{sha256}/waveform", { sha256, points: WAVEFORM_POINTS }).then((found) => found.peaks),
    spoken: spokenBy(side),
  };
}

/** The run that is left when the other one was deleted. @param {Side} side */
function remaining({ job, token }) {
  return h("p", {}, "The other run remains: ", job ? h("a", { href: `/runs?job=${job.jobId}` }, job.title || job.jobId) : token.slice(0, 12), ".");
}

/** @param {Side[]} sides */
function tables(sides) {
  const key = (/** @type {number} */ place) => h("span", { class: "wb-player-key", "data-video": place }, letter(place));
  const heads = sides.map((side, place) => h("span", { class: "wb-comparison-head", title: side.label }, key(place)));
  const runs = sides.map((side, place) => h("li", {}, key(place), side.job ? h("a", { href: `/runs?job=${side.job.jobId}` }, side.job.title || side.job.jobId) : h("span", {}, side.label), side.output ? h("span", { class: "wb-muted" }, side.output) : null));
  const measured = metrics(sides).map(({ name, metric, values, best }) => [
    metricName(metric?.name ?? name, metric),
    ...values.map((value, place) => (value === undefined ? "—" : h("span", { class: best.includes(place) ? "wb-comparison-best" : "" }, metricValue(value, metric), best.includes(place) ? h("span", { class: "wb-sr" }, " best") : null))),
    betterWords(metric),
  ]);
  return h(
    "div",
    { class: "wb-comparison-facts" },
    h("ul", { class: "wb-comparison-runs" }, runs),
    h("h3", {}, "Differences"),
    table(["", ...heads], differences(sides).map(({ name, values }) => [name, ...values])),
    comparedCurves(sides),
    h("h3", {}, "Metrics"),
    table(["", ...heads, "better"], measured),
  );
}

/** @param {any[]} head @param {any[][]} rows */
function table(head, rows) {
  if (!rows.length) return h("p", { class: "wb-muted" }, "None.");
  const cell = (/** @type {any} */ value) => (value === undefined || value === null ? "—" : value instanceof Node ? value : typeof value === "number" ? formatNumber(value) : typeof value === "object" ? JSON.stringify(value) : String(value));
  return h("div", { class: "wb-table-frame", tabindex: 0, role: "group", "aria-label": "Table" }, h("table", { class: "wb-table" }, h("thead", {}, h("tr", {}, head.map((one) => h("th", { scope: "col" }, one)))), h("tbody", {}, rows.map(([name, ...rest]) => h("tr", {}, h("th", { scope: "row" }, name), rest.map((value) => h("td", {}, cell(value))))))));
}
