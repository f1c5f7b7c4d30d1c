// @ts-check
// Names and tables for the kinds of stored and removed data.

import { bytes, h } from "./dom.js";

/** The kinds in display order. Unknown kinds of a newer server belong to the last group. */
export const GROUPS = [
  { title: "Artifacts", kinds: { images: "images", audio: "audio", video: "video", files: "other files" } },
  { title: "Copies", kinds: { mlflow_files: "copies in MLflow", cache: "local cache", videos: "folder videos/", thumbnails: "thumbnails", previews: "previews", partial: "unfinished uploads" } },
  { title: "Records", kinds: { bus: "bus", sql: "SQL", mlflow: "MLflow's database", logs: "logs" } },
];
/** Kinds with a count, but without a size of their own. */
export const COUNTED = { jobs: ["job", "jobs"], uploads: ["upload", "uploads"], results: ["cached result", "cached results"], mlflow_runs: ["run in MLflow", "runs in MLflow"] };

const NAMES = Object.assign({}, ...GROUPS.map((one) => one.kinds));

export const kindWords = (kind) => COUNTED[kind]?.[1] ?? NAMES[kind] ?? kind.replaceAll("_", " ");

/** "1 job", "3 jobs". */
export const several = (count, one, many = `${one}s`) => `${count.toLocaleString("en-GB")} ${count === 1 ? one : many}`;

/** [{kind, count, bytes}] as a table. */
export function byKind(list, caption) {
  const row = (one) => h("tr", {}, h("th", { scope: "row" }, kindWords(one.kind)), h("td", {}, one.count.toLocaleString("en-GB")), h("td", {}, one.bytes ? bytes(one.bytes) : "—"));
  return h("table", { class: "wb-table wb-sizes" }, h("caption", { class: "wb-sr" }, caption), h("thead", {}, h("tr", {}, ["kind", "number", "size"].map((one) => h("th", { scope: "col" }, one)))), h("tbody", {}, list.map(row)));
}

/** Bytes of the removed artifacts in the object store, without local copies. */
export const artifactBytes = (removed) => removed.filter((one) => one.kind in GROUPS[0].kinds).reduce((sum, one) => sum + one.bytes, 0);
