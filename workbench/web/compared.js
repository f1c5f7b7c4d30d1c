// @ts-check
// A comparison as the API gives it: the frame-locked player, or a still of each video while nothing answers, and tables.

import { ask, mediaUrl, readBytes } from "./api.js";
import { setThumbnailUrl } from "./artifact.js";
import { fill, formatNumber, h, problem } from "./dom.js";
import { player } from "./player/player.js";

/** @typedef {Api.Schema<"Comparison">} Comparison */
/** @typedef {Api.Schema<"ComparedVideo">} ComparedVideo */

const POINTS = 600;

/** @param {HTMLElement} element @param {{videos: string}} options  Names as of GET /api/compare. */
export function compared(element, { videos }) {
  let ended = false;
  let end = () => {};
  fill(element, h("p", { class: "wb-muted" }, "…"));
  load().catch((error) => !ended && fill(element, problem(error)));

  async function load() {
    const found = await ask("GET /api/compare", { videos });
    if (ended) return;
    const stage = h("div", {}, stills(found.videos));
    fill(element, (found.notes ?? []).map((note) => h("p", { class: "wb-muted" }, note)), stage, tables(found));
    const curves = await seriesOf(found).catch(() => null); // without a kernel the stills stay
    if (ended || !curves) return;
    const first = found.videos.find((video) => video.sha256);
    if (!first || !(await ask("GET /api/artifacts/{sha256}/frames", { sha256: first.sha256 ?? "" }).then(Boolean, () => false)) || ended) return;
    end = player(stage, { videos: found.videos.map((video, place) => videoOf(video, curves[place])) }).end;
  }

  return () => {
    ended = true;
    end();
  };
}

/** @param {ComparedVideo} video @param {import("./player/curves.js").Series[]} series @returns {import("./player/player.js").Video} */
function videoOf({ label, sha256 = "", missing, audio, spoken }, series) {
  return {
    label,
    frames: () => (missing || !sha256 ? Promise.reject(new Error(missing)) : ask("GET /api/artifacts/{sha256}/frames", { sha256 })),
    bytes: (from, to) => readBytes(sha256, from, to),
    url: () => mediaUrl("GET /api/artifacts/{sha256}", { sha256 }),
    audio,
    peaks: () => ask("GET /api/artifacts/{sha256}/waveform", { sha256, points: POINTS }).then((found) => found.peaks),
    spoken: spoken?.words?.length ? spoken : undefined,
    series,
  };
}

/** The curves of each video. @param {Comparison} found */
async function seriesOf(found) {
  /** @type {import("./player/curves.js").Series[][]} */
  const curves = found.videos.map(() => []);
  for (const { name, of } of found.series) {
    for (const [place, sha256] of of.entries()) {
      if (!sha256) continue;
      const all = await ask("GET /api/artifacts/{sha256}/series", { sha256 });
      const own = all.series.find((one) => one.name === name);
      if (own) curves[place].push({ ...own, times: all.timesS });
    }
  }
  return curves;
}

/** @param {ComparedVideo[]} videos */
function stills(videos) {
  return h(
    "div",
    { class: "wb-exported-stills" },
    videos.map(({ label, sha256, missing }) => h("figure", {}, sha256 ? setThumbnailUrl(h("img", { alt: label }), "src", sha256) : h("p", { class: "wb-muted" }, missing ?? ""), h("figcaption", {}, label))),
  );
}

/** @param {Comparison} found */
function tables({ videos, differences, metrics }) {
  const heads = videos.map((video) => video.label);
  const value = (/** @type {any} */ one) => (one === null ? "—" : typeof one === "number" ? formatNumber(one) : String(one));
  const measured = metrics.map(({ name, unit, better, meaning, values, best }) => [
    h("span", { title: meaning }, unit ? `${name} (${unit})` : name),
    ...values.map((one, place) => (best.includes(place) ? h("strong", {}, value(one), h("span", { class: "wb-sr" }, " best")) : value(one))),
    better === "neither" ? "" : better,
  ]);
  return [
    h("h3", {}, "Differences"),
    table(["", ...heads], differences.map(({ name, values }) => [name, ...values.map(value)])),
    h("h3", {}, "Metrics"),
    table(["", ...heads, "better"], measured),
  ];
}

/** @param {any[]} head @param {any[][]} rows */
function table(head, rows) {
  if (!rows.length) return h("p", { class: "wb-muted" }, "None.");
  return h("div", { class: "wb-table-frame", tabindex: 0, role: "group", "aria-label": "Table" }, h("table", { class: "wb-table" }, h("thead", {}, h("tr", {}, head.map((one) => h("th", { scope: "col" }, one)))), h("tbody", {}, rows.map(([name, ...rest]) => h("tr", {}, h("th", { scope: "row" }, name), rest.map((one) => h("td", {}, one)))))));
}
