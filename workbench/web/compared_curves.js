// @ts-check
// Metrics over steps of several runs: a chart for each metric, with a line for each run.

import { curve } from "./curve.js";
import { h } from "./dom.js";
import { letter } from "./player/stage.js";

/** Charts with their title; null if no run has a metric over steps. @param {any[]} jobs  Of the videos; undefined where there is none. */
export function comparedCurves(jobs) {
  /** @type {Map<string, {metric: any, lines: import("./curve.js").Line[]}>} */
  const found = new Map();
  jobs.forEach((job, place) => {
    for (const node of job?.nodes ?? []) {
      for (const [name, points] of Object.entries(node.series ?? {})) {
        const key = `${node.id}.${name}`;
        if (!found.has(key)) found.set(key, { metric: job.metricMeanings?.[node.id]?.[name], lines: [] });
        found.get(key)?.lines.push({ label: letter(place), points });
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
