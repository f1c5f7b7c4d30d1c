// @ts-check
// Two runs side by side: synchronised videos, differing parameters, and metrics.

import { ask } from "./api.js";
import { artifactsOf, setFileUrl, setThumbnailUrl, shapeOf } from "./artifact.js";
import { button, fill, formatNumber, h, problem } from "./dom.js";

const APART_S = 0.04; // one frame at 25 fps

export function compare(element, jobIds, back) {
  let ended = false;
  const body = h("div", {}, h("p", { class: "wb-muted" }, "…"));
  fill(element, button("← All runs", { kind: "quiet", onclick: back }), body);
  load().catch((error) => !ended && fill(body, problem(error)));

  async function load() {
    const sides = await Promise.all(
      jobIds.slice(0, 2).map(async (jobId) => {
        const [{ job }, files] = await Promise.all([ask("GET /api/jobs/{job_id}", { job_id: jobId }), artifactsOf(jobId)]);
        return { job, video: files.findLast((one) => one.role === "output" && one.ref.kind === "video")?.ref };
      }),
    );
    if (ended) return;
    const players = sides.map((side) =>
      side.video ? setFileUrl(setThumbnailUrl(h("video", { class: "wb-video", style: shapeOf(side.video), preload: "auto", playsInline: true, "aria-label": side.job.title }), "poster", side.video.sha256), "src", side.video.sha256) : null,
    );
    const [first, second] = players;
    if (second) second.muted = true; // two voices at once are not intelligible
    fill(
      body,
      h("div", { class: "wb-compare" }, sides.map((side, index) => h("div", {}, players[index] ?? h("div", { class: "wb-stage" }, "no video"), h("p", {}, h("a", { href: `/runs?job=${side.job.jobId}` }, side.job.title || side.job.jobId))))),
      first && second ? transport(first, second) : null,
      h("h3", {}, "Differences"),
      table(["", ...sides.map((side) => side.job.jobId.slice(0, 14))], differences(sides)),
      h("h3", {}, "Metrics"),
      table(["", ...sides.map((side) => side.job.jobId.slice(0, 14))], metrics(sides)),
    );
  }
  return () => {
    ended = true;
  };
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

function metrics(sides) {
  const flat = sides.map(({ job }) => Object.assign({ "computing, in s": job.computeSeconds, "waiting, in s": job.waitingSeconds }, ...(job.nodes ?? []).filter((node) => node.service.startsWith("evaluate.")).map((node) => node.metrics ?? {})));
  const names = [...new Set(flat.flatMap((one) => Object.keys(one)))];
  return names.map((name) => [name.replaceAll("_", " "), ...flat.map((one) => one[name])]);
}

function table(head, rows) {
  if (!rows.length) return h("p", { class: "wb-muted" }, "None.");
  const cell = (value) => (value === undefined || value === null ? "—" : typeof value === "number" ? formatNumber(value) : typeof value === "object" ? JSON.stringify(value) : String(value));
  return h("table", { class: "wb-table" }, h("thead", {}, h("tr", {}, head.map((one) => h("th", { scope: "col" }, one)))), h("tbody", {}, rows.map(([name, ...rest]) => h("tr", {}, h("th", { scope: "row" }, name), rest.map((value) => h("td", {}, cell(value)))))));
}
