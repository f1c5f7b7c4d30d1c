// @ts-check
// Several videos side by side: the frame-locked player, and beside it what differs, the metrics and the curves over steps.

import { ask, mediaUrl, readBytes } from "./api.js";
import { comparedCurves } from "./compared_curves.js";
import { comparisonTables } from "./comparison_tables.js";
import { button, fill, h, problem } from "./dom.js";
import { goneNotice, watchGone } from "./gone.js";
import { player } from "./player/player.js";
import { fromQuery, toQuery } from "./player/state.js";

/** @typedef {Api.Schema<"Comparison">} Comparison */

export const MOST_VIDEOS = 9;
const MOST_BESIDE = 3; // videos whose columns have room beside the player
const WAVEFORM_POINTS = 600;

/** @param {HTMLElement} element @param {string} wanted  Of the address: "JOB,JOB:node.output,DIGEST". @param {() => void} back */
export function compare(element, wanted, back) {
  let ended = false;
  /** @type {(() => void)[]} */
  const stops = [];
  const body = h("div", {}, h("p", { class: "wb-muted" }, "…"));
  fill(element, button("← All runs", { kind: "quiet", onclick: back }), body);
  load().catch((error) => !ended && fill(body, problem(error)));

  async function load() {
    const found = await ask("GET /api/compare", { videos: wanted });
    const ids = [...new Set(found.videos.map((one) => one.job).filter((one) => typeof one === "string"))];
    const jobs = new Map(await Promise.all(ids.map(async (id) => /** @type {[string, any]} */ ([id, await jobOf(id)]))));
    if (ended) return;
    const gone = ids.filter((id) => !jobs.get(id));
    for (const [id, job] of jobs) if (job) stops.push(watchGone(id, () => body.prepend(goneNotice(job.title || job.pipeline))));
    const stage = h("div", {});
    const beside = found.videos.length <= MOST_BESIDE && found.videos.some((one) => one.sha256);
    const facts = h("div", { class: "wb-comparison-facts" }, comparisonTables(found), comparedCurves(found.videos.map((one) => jobs.get(one.job ?? ""))));
    fill(body, gone.length ? goneNotice("") : null, h("div", { class: "wb-comparison", "data-beside": beside ? "" : null }, stage, facts));
    await show(stage, found);
  }

  /** @param {HTMLElement} stage @param {Comparison} found */
  async function show(stage, { videos, series, notes }) {
    if (!videos.some((one) => one.sha256)) return void fill(stage, h("p", { class: "wb-muted" }, "These runs made no video."));
    const values = await seriesOf(series, videos.length);
    if (ended) return undefined;
    const shown = player(stage, { videos: videos.map((one, place) => videoOf(one, values[place])), notes, state: fromQuery(new URLSearchParams(window.location.search)), changed: keep, keys: document });
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

/** The run; null if it was deleted meanwhile. @param {string} id */
async function jobOf(id) {
  try {
    return (await ask("GET /api/jobs/{job_id}", { job_id: id })).job;
  } catch (/** @type {any} */ error) {
    if (error.status === 404) return null;
    throw error;
  }
}

/** The access of the player to a video. @param {Comparison["videos"][number]} video @param {import("./player/curves.js").Series[]} series @returns {import("./player/player.js").Video} */
function videoOf({ label, sha256, missing, spoken }, series) {
  return {
    label,
    frames: sha256 ? () => ask("GET /api/artifacts/{sha256}/frames", { sha256 }) : () => Promise.reject(new Error(missing)),
    bytes: (from, to) => readBytes(sha256, from, to),
    url: () => mediaUrl("GET /api/artifacts/{sha256}", { sha256 }),
    peaks: () => ask("GET /api/artifacts/{sha256}/waveform", { sha256, points: WAVEFORM_POINTS }).then((found) => found.peaks),
    spoken: spoken ?? undefined,
    series,
  };
}

/**
 * The curves of each video. One that cannot be read is left out: the player does not depend on it.
 * @param {Comparison["series"]} wanted
 * @param {number} videos
 */
async function seriesOf(wanted, videos) {
  /** @type {import("./player/curves.js").Series[][]} */
  const found = Array.from({ length: videos }, () => []);
  const files = new Map();
  const read = (/** @type {string} */ sha256) => {
    if (!files.has(sha256)) files.set(sha256, ask("GET /api/artifacts/{sha256}/series", { sha256 }).catch(() => null));
    return /** @type {Promise<Api.Schema<"FrameSeries"> | null>} */ (files.get(sha256));
  };
  for (const { name, unit, better, meaning, of } of wanted) {
    for (const [place, sha256] of of.entries()) {
      const file = sha256 ? await read(sha256) : null;
      const values = file?.series.find((one) => one.name === name)?.values;
      if (file && values) found[place].push({ name, unit, better, meaning, times: file.timesS, values });
    }
  }
  return found;
}
