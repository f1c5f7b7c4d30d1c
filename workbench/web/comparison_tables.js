// @ts-check
// Where compared videos differ, and their metrics with the best marked, as tables with a column for each video.

import { formatNumber, h } from "./dom.js";
import { betterWords, metricName, metricValue } from "./metrics.js";
import { letter } from "./player/stage.js";

/** @typedef {Api.Schema<"Comparison">} Comparison */

/** @param {Comparison} found */
export function comparisonTables({ videos, differences, metrics }) {
  const key = (/** @type {number} */ place) => h("span", { class: "wb-player-key", "data-video": place }, letter(place));
  const heads = () => videos.map(({ label }, place) => h("span", { class: "wb-comparison-head", title: label }, key(place)));
  const runs = videos.map(({ job, title, label, output, node, missing }, place) =>
    h("li", {}, key(place), job ? h("a", { href: `/runs?job=${job}` }, label) : h("span", {}, label), h("span", { class: "wb-muted" }, missing || [title === label ? "" : title, node && output ? `${node}.${output}` : ""].filter(Boolean).join(" · "))),
  );
  const short = plainNames([...differences, ...metrics].map(({ name }) => name));
  const measured = metrics.map((metric) => [metricName(short(metric.name), metric), ...metric.values.map((value, place) => valueOf(metric, value, place)), betterWords(metric)]);
  return [
    h("ul", { class: "wb-comparison-runs" }, runs),
    h("h3", {}, "Differences"),
    table(["", ...heads()], differences.map(({ name, values }) => [short(name).replaceAll("_", " "), ...values])),
    h("h3", {}, "Metrics"),
    table(["", ...heads(), "better"], measured),
  ];
}

/** @param {Comparison["metrics"][number]} metric @param {number | null} value @param {number} place */
function valueOf(metric, value, place) {
  if (value === null) return null;
  const best = metric.best.includes(place);
  const interval = metric.intervals[place];
  const words = interval ? `mean ${formatNumber(interval.mean)}, 95 %: ${formatNumber(interval.low)} to ${formatNumber(interval.high)}, ${interval.runs} seeds` : "";
  return h("span", {}, h("span", { class: best ? "wb-comparison-best" : "" }, metricValue(value, metric)), best ? h("span", { class: "wb-sr" }, " best") : null, words ? h("span", { class: "wb-comparison-interval" }, words) : null);
}

/** Names without their node, except where two nodes have one of that name. @param {string[]} names */
function plainNames(names) {
  const plain = (/** @type {string} */ name) => name.split(".").at(-1) ?? name;
  const count = new Map();
  for (const name of names) count.set(plain(name), (count.get(plain(name)) ?? 0) + 1);
  return (/** @type {string} */ name) => (count.get(plain(name)) > 1 ? name.replace(".", " · ") : plain(name));
}

/** @param {any[]} head @param {any[][]} rows */
function table(head, rows) {
  if (!rows.length) return h("p", { class: "wb-muted" }, "None.");
  const cell = (/** @type {any} */ value) => (value === undefined || value === null || value === "" ? "—" : value instanceof Node ? value : typeof value === "number" ? formatNumber(value) : String(value));
  const line = (/** @type {any[]} */ [name, ...rest]) => h("tr", {}, h("th", { scope: "row" }, name), rest.map((value) => h("td", {}, cell(value))));
  return h("div", { class: "wb-table-frame", tabindex: 0, role: "group", "aria-label": "Table" }, h("table", { class: "wb-table" }, h("thead", {}, h("tr", {}, head.map((one) => h("th", { scope: "col" }, one)))), h("tbody", {}, rows.map(line))));
}
