// @ts-check
// Lists of warnings: about a file after its upload, and about the inputs of a job after its submit.

import { h, sentence } from "./dom.js";
import { nodesOf } from "./job.js";

/**
 * The warnings about a file, with their remedies; null if there are none.
 * @param {{message: string, remedy?: string}[]} list
 */
export function fileWarnings(list) {
  return shown(list.map((one) => h("li", {}, h("strong", {}, sentence(one.message)), one.remedy ? ` ${one.remedy}` : "")));
}

/** What to expect of a job's inputs, as its submit found it; null if there is nothing. */
export function jobWarnings(job) {
  const names = new Map(nodesOf(job).map((node) => [`node ${node.id}`, node.name ?? node.id]));
  return shown((job.record?.warnings ?? []).map((one) => h("li", {}, h("strong", {}, `${names.get(one.where) ?? one.where}: `), sentence(one.message))));
}

function shown(lines) {
  return lines.length ? h("ul", { class: "wb-warnings", role: "status" }, lines) : null;
}
