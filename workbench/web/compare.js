// @ts-check
// Two runs side by side: synchronised videos, differing parameters, and metrics.

import { ask } from "./api.js";
import { artifactsOf, setFileUrl, setThumbnailUrl, shapeOf } from "./artifact.js";
import { curve } from "./curve.js";
import { button, fill, formatNumber, h, problem } from "./dom.js";
import { goneNotice, watchGone } from "./gone.js";
import { shortId, shortIds } from "./ids.js";
import { JOB_TIMES, betterWords, metricName, metricValue } from "./metrics.js";

const APART_S = 0.04; // one frame at 25 fps

export function compare(element, jobIds, back) {
  let ended = false;
  /** @type {(() => void)[]} */
  const stops = [];
  const body = h("div", {}, h("p", { class: "wb-muted" }, "…"));
  fill(element, button("← All runs", { kind: "quiet", onclick: back }), body);
  load().catch((error) => !ended && fill(body, problem(error)));

  async function load() {
    const sides = await Promise.all(
      jobIds.slice(0, 2).map(async (jobId) => {
        const found = await ask("GET /api/jobs/{job_id}", { job_id: jobId }).catch((error) => {
          if (error.status === 404) return null;
          throw error;
        });
        if (!found) return { job: null, video: undefined };
        const { job } = found;
        const files = await artifactsOf(jobId);
        return { job, video: files.findLast((one) => one.role === "output" && one.ref.kind === "video")?.ref };
      }),
    );
    if (ended) return;
    const missing = jobIds.filter((_, index) => sides[index] && !sides[index].job);
    if (missing.length) return void fill(body, missing.length > 1 ? goneNotice("") : [goneNotice(""), remaining(sides)]);
    for (const { job } of sides) stops.push(watchGone(job.jobId, () => body.prepend(goneNotice(job.title || job.pipeline))));
    const players = sides.map((side) =>
      side.video ? setFileUrl(setThumbnailUrl(h("video", { class: "wb-video", style: shapeOf(side.video), preload: "auto", playsInline: true, "aria-label": side.job.title }), "poster", side.video.sha256), "src", side.video.sha256) : null,
    );
    const short = shortIds(sides.map((side) => side.job.jobId));
    const heads = sides.map((side) => shortId(side.job.jobId, short));
    const [first, second] = players;
    if (second) second.muted = true; // two voices at once are not intelligible
    fill(
      body,
      h("div", { class: "wb-compare" }, sides.map((side, index) => h("div", {}, players[index] ?? h("div", { class: "wb-stage" }, "no video"), h("p", {}, h("a", { href: `/runs?job=${side.job.jobId}` }, side.job.title || side.job.jobId))))),
      first && second ? transport(first, second) : null,
      h("h3", {}, "Differences"),
      table(["", ...heads], differences(sides)),
      curves(sides, short),
      h("h3", {}, "Metrics"),
      table(["", ...heads, "better"], metrics(sides)),
    );
  }
  return () => {
    ended = true;
    for (const stop of stops) stop();
  };
}

/** The run that is left when the other one was deleted. */
function remaining(sides) {
  const { job } = sides.find((side) => side.job);
  return h("p", {}, "The other run remains: ", h("a", { href: `/runs?job=${job.jobId}` }, job.title || job.jobId), ".");
}

function transport(first, second) {
  const place = h("input", { type: "range", class: "wb-slider", min: 0, max: 1, step: "any", value: 0, "aria-label": "Position" });
  const toggle = button("Play both", {
    icon: "play",
    kind: "primary",
    onclick: () => {
      if (first.paused) {
        second.currentTime = first.currentTime;
        Promise.all([first.play(), second.play()]).catch(() => null);
      } else {
        first.pause();
        second.pause();
        second.currentTime = first.currentTime;
      }
    },
  });
  const sound = button("Switch audio", {
    kind: "quiet",
    onclick: () => {
      [first.muted, second.muted] = [!first.muted, !second.muted];
    },
  });
  first.addEventListener("timeupdate", () => {
    place.value = String(first.duration ? first.currentTime / first.duration : 0);
    if (Math.abs(first.currentTime - second.currentTime) > APART_S && !first.paused) second.currentTime = first.currentTime;
  });
  first.addEventListener("ended", () => second.pause());
  place.addEventListener("input", () => {
    const at = Number(place.value) * (first.duration || 0);
    first.currentTime = at;
    second.currentTime = at;
  });
  return h("div", { class: "wb-transport" }, toggle, place, sound);
}

function differences(sides) {
  const flat = sides.map(({ job }) => {
    const found = { seed: job.seed, pipeline: job.pipeline };
    for (const node of job.lastGraph?.nodes ?? []) for (const [name, value] of Object.entries(node.params ?? {})) found[`${node.id}.${name}`] = value;
    return found;
  });
  const names = [...new Set(flat.flatMap((one) => Object.keys(one)))];
  return names.map((name) => [name, ...flat.map((one) => one[name])]).filter(([, a, b]) => JSON.stringify(a) !== JSON.stringify(b));
}

/** A chart for each metric over steps, with the lines of both runs; null if there is none. */
function curves(sides, short) {
  /** @type {Map<string, {metric: any, lines: import("./curve.js").Line[]}>} */
  const found = new Map();
  sides.forEach(({ job }) => {
    for (const node of job.nodes ?? []) {
      for (const [name, points] of Object.entries(node.series ?? {})) {
        const key = `${node.id}.${name}`;
        if (!found.has(key)) found.set(key, { metric: job.metricMeanings?.[node.id]?.[name], lines: [] });
        found.get(key)?.lines.push({ label: `${job.jobId.slice(0, short)}…`, points });
      }
    }
  });
  if (!found.size) return null;
  const charts = [...found].map(([key, { metric, lines }]) => {
    const chart = curve(key, metric);
    chart.update(lines);
    return chart.element;
  });
  return [h("h3", {}, "Curves"), h("div", { class: "wb-curves" }, charts)];
}

/** Rows of [name with its meaning, values with their unit, direction]. */
function metrics(sides) {
  /** @type {Record<string, import("./metrics.js").Metric>} */
  const known = { ...JOB_TIMES };
  const flat = sides.map(({ job }) => {
    const found = { computeSeconds: job.computeSeconds, waitingSeconds: job.waitingSeconds, firstFrameSeconds: job.firstFrameSeconds };
    for (const node of job.nodes ?? []) {
      if (!node.service.startsWith("evaluate.")) continue;
      Object.assign(found, node.metrics ?? {});
      Object.assign(known, job.metricMeanings?.[node.id] ?? {});
    }
    return found;
  });
  const names = [...new Set(flat.flatMap((one) => Object.keys(one)))];
  const value = (one, name) => (typeof one[name] === "number" ? metricValue(one[name], known[name]) : undefined);
  return names.map((name) => [metricName(known[name]?.name ?? name, known[name]), ...flat.map((one) => value(one, name)), betterWords(known[name])]);
}

function table(head, rows) {
  if (!rows.length) return h("p", { class: "wb-muted" }, "None.");
  const cell = (value) => (value === undefined || value === null ? "—" : typeof value === "number" ? formatNumber(value) : typeof value === "object" ? JSON.stringify(value) : String(value));
  return h("table", { class: "wb-table" }, h("thead", {}, h("tr", {}, head.map((one) => h("th", { scope: "col" }, one)))), h("tbody", {}, rows.map(([name, ...rest]) => h("tr", {}, h("th", { scope: "row" }, name), rest.map((value) => h("td", {}, cell(value)))))));
}
