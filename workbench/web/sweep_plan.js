// @ts-check
// The plan of a sweep in numbers: its jobs, what is computed and what is not, and how long that takes.

import { h, seconds } from "./dom.js";
import { several } from "./stored_kinds.js";

/** @param {any} plan  SweepPlan. @param {any} before  The sweep that it extends, or null. */
export function planView(plan, before) {
  const { cells, excluded, nodes, distinct, cached, complete } = plan;
  const runs = Math.max(0, distinct - cached);
  const shared = Math.max(0, nodes - distinct);
  const added = before ? Math.max(0, cells - before.cells) : cells;
  const sizes = plan.axes.filter((/** @type {any} */ axis) => axis.labels.length > 1).map((/** @type {any} */ axis) => `${axis.labels.length} ${axis.name}`);
  const line = (/** @type {string} */ kind, /** @type {number} */ count, /** @type {string} */ words) => (count ? h("div", { "data-kind": kind }, h("dt", {}, count.toLocaleString("en-GB")), h("dd", {}, words)) : null);
  return h(
    "div",
    { class: "wb-plan" },
    h("p", { class: "wb-plan-jobs" }, h("strong", {}, added.toLocaleString("en-GB")), before ? ` new ${added === 1 ? "cell" : "cells"}, ${cells} in all` : cells === 1 ? " job" : " jobs"),
    sizes.length ? h("p", { class: "wb-muted" }, sizes.join(" × "), excluded ? `, without ${several(excluded, "excluded combination")}` : "") : null,
    nodes ? h("div", { class: "wb-plan-bar", "aria-hidden": "true" }, [["run", runs], ["cached", cached], ["shared", shared]].map(([kind, count]) => (count ? h("span", { "data-kind": kind, style: `flex-grow: ${count}` }) : null))) : null,
    nodes ? h("dl", { class: "wb-plan-nodes" }, line("run", runs, runs === 1 ? "node runs" : "nodes run"), line("cached", cached, cached === 1 ? "result exists already" : "results exist already"), line("shared", shared, "repeats are saved, because cells share nodes")) : null,
    complete ? h("p", { class: "wb-muted" }, `${several(complete, "cell")} ${complete === 1 ? "comes" : "come"} from the cache as a whole.`) : null,
    h("p", { class: "wb-plan-time" }, runs === 0 && nodes ? "Nothing has to be computed." : plan.seconds === null || plan.seconds === undefined ? "There are no past runs yet for an estimate." : ["About ", h("strong", {}, seconds(plan.seconds)), " on one worker."]),
  );
}
