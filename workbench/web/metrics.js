// @ts-check
// Metrics with unit, better direction and meaning, as the services declare them.

import { formatNumber, h } from "./dom.js";

/** `series` and `axis` are of a metric over steps. @typedef {Omit<Api.Schema<"Metric">, "series" | "axis"> & {series?: boolean, axis?: string}} Metric */

const BETTER = { higher: "↑ higher is better", lower: "↓ lower is better", neither: "" };
let count = 0;

/** The times of a job, which no service records. @type {Record<string, Metric>} */
export const JOB_TIMES = {
  computeSeconds: { name: "computing", unit: "s", better: "lower", meaning: "Time in which its nodes ran." },
  firstFrameSeconds: { name: "first frame", unit: "s", better: "lower", meaning: "Time from the start until the first frames could be played." },
  waitingSeconds: { name: "waiting", unit: "s", better: "lower", meaning: "Time in which no node ran, such as in the queue." },
};

/** @param {string} name */
export const metricWords = (name) => name.replaceAll("_", " ");

/** The name without a unit such as ms, which the value has (but "identity frames"). @param {string} name @param {Partial<Metric> | undefined} metric */
const plainName = (name, metric) => metricWords(metric?.unit && metric.unit.length <= 2 && name.endsWith(`_${metric.unit}`) ? name.slice(0, -metric.unit.length - 1) : name);

/**
 * The name of a metric. Its meaning appears on hover, after a click or tap, and to screen readers.
 * @param {string} name
 * @param {Partial<Metric> | undefined} metric
 */
export function metricName(name, metric) {
  if (!metric?.meaning) return h("span", {}, metricWords(name));
  const meaning = h("span", { class: "wb-metric-meaning", id: `wb-metric-${(count += 1)}`, hidden: true }, metric.meaning);
  const toggle = h(
    "button",
    {
      type: "button",
      class: "wb-metric-name",
      title: metric.meaning,
      "aria-describedby": meaning.id,
      "aria-expanded": "false",
      onclick: () => {
        meaning.hidden = !meaning.hidden;
        toggle.setAttribute("aria-expanded", String(!meaning.hidden));
      },
    },
    plainName(name, metric),
  );
  return h("span", { class: "wb-metric" }, toggle, meaning);
}

/** The direction in words; "" if neither is better. @param {Partial<Metric> | undefined} metric */
export const betterWords = (metric) => BETTER[metric?.better ?? "neither"];

/** A value with its unit. @param {number} value @param {Partial<Metric> | undefined} metric */
export const metricValue = (value, metric) => `${formatNumber(value)}${metric?.unit ? ` ${metric.unit}` : ""}`;

/**
 * The metrics of a node as a list, or null if there are none.
 * @param {{metrics?: Record<string, number> | null, metricMeanings?: Record<string, Metric>}[]} nodes
 */
export function metricList(nodes) {
  const rows = nodes.flatMap((node) => Object.entries(node.metrics ?? {}).map(([name, value]) => row(name, value, node.metricMeanings?.[name])));
  return rows.length ? h("dl", { class: "wb-metrics" }, rows) : null;
}

function row(name, value, metric) {
  const better = betterWords(metric);
  return h("div", { "data-metric": name }, h("dt", {}, metricName(name, metric)), h("dd", {}, metricValue(value, metric), better ? h("span", { class: "wb-metric-better" }, better) : null));
}
