// @ts-check
// What a comparison compares: the runs and files that an address names, where they differ, and their metrics.

import { ask } from "./api.js";
import { artifactsOf, facts } from "./artifact.js";
import { JOB_TIMES } from "./metrics.js";
import { spokenIn } from "./spoken.js";

/** @typedef {import("./metrics.js").Metric} Metric */

export const MOST_VIDEOS = 9;
const LABEL_PARTS = 2; // parameters that a label has room for

/**
 * @typedef {object} Side  One video of the comparison.
 * @property {string} token  As in the address: a job, a job and one of its outputs, or the digest of a file.
 * @property {any} job  null for a file from outside.
 * @property {any} ref  Of the video, or undefined.
 * @property {string} output  node.output, if the address names it.
 * @property {string} label  What tells it from the others.
 * @property {boolean} gone  Whether the job no longer exists.
 */

/** The videos of an address: "JOB,JOB:node.output,DIGEST". @param {string} text */
export const tokensOf = (text) => text.split(",").map((one) => one.trim()).filter(Boolean).slice(0, MOST_VIDEOS);

/** @param {string[]} tokens @returns {Promise<Side[]>} */
export async function sidesOf(tokens) {
  const jobs = new Map();
  const sides = await Promise.all(tokens.map((token) => sideOf(token, jobs)));
  const rows = differences(sides);
  const several = new Set(sides.map((side) => side.job?.jobId)).size < sides.length; // of one job
  for (const [place, side] of sides.entries()) {
    const differing = rows.filter((row) => row.values[place] !== undefined).slice(0, LABEL_PARTS).map(({ name, values }) => `${name.split(" · ").at(-1)} ${short(values[place])}`);
    const own = several && side.output ? side.output : "";
    side.label = [own, ...(own ? [] : differing)].filter(Boolean).join(" · ") || side.job?.title || side.ref?.name || side.job?.jobId || `File ${side.token.slice(0, 8)}`;
  }
  return sides;
}

/** @param {string} token @param {Map<string, Promise<[any, any[]]>>} jobs @returns {Promise<Side>} */
async function sideOf(token, jobs) {
  const side = { token, job: null, ref: undefined, output: "", label: "", gone: false };
  if (/^[0-9a-f]{64}$/.test(token)) return { ...side, ref: { sha256: token, kind: "video" } };
  const [jobId, output = ""] = token.split(":");
  if (!jobs.has(jobId)) jobs.set(jobId, Promise.all([ask("GET /api/jobs/{job_id}", { job_id: jobId }), artifactsOf(jobId)]));
  try {
    const [{ job }, files] = await /** @type {Promise<[any, any[]]>} */ (jobs.get(jobId));
    const videos = files.filter((one) => one.role === "output" && one.ref.kind === "video");
    const named = videos.find((one) => `${one.node}.${one.name}` === output);
    const result = videos.find((one) => one.node === job.result?.node && one.name === job.result?.name);
    const found = output ? named : (result ?? videos.at(-1));
    return { ...side, job, output: output || (found ? `${found.node}.${found.name}` : ""), ref: found?.ref };
  } catch (/** @type {any} */ error) {
    if (error.status === 404) return { ...side, gone: true };
    throw error;
  }
}

/** @param {any} value */
function short(value) {
  const text = typeof value === "number" ? String(Number(value.toFixed(4))) : typeof value === "object" ? JSON.stringify(value) : String(value);
  return text.length > 24 ? `${text.slice(0, 23)}…` : text;
}

/**
 * The parameters that are not the same everywhere, by their names; with the node where two nodes have one of that name.
 * @param {Side[]} sides
 * @returns {{name: string, values: any[]}[]}
 */
export function differences(sides) {
  const flat = sides.map(({ job, ref }) => {
    /** @type {Record<string, any>} */
    const found = job ? { seed: job.seed, pipeline: job.pipeline } : {};
    if (ref && facts(ref)) found.video = [ref.width && ref.height ? `${ref.width} × ${ref.height}` : "", ref.fps ? `${Number(ref.fps.toFixed(2))} fps` : ""].filter(Boolean).join(" · ") || undefined;
    for (const node of job?.lastGraph?.nodes ?? []) for (const [name, value] of Object.entries(node.params ?? {})) found[`${node.id}.${name}`] = value;
    return found;
  });
  const known = flat.filter((_, place) => sides[place].job);
  const keys = [...new Set(flat.flatMap((one) => Object.keys(one)))].filter((key) => new Set(known.map((one) => JSON.stringify(one[key]))).size > 1);
  const plain = (/** @type {string} */ key) => key.split(".").at(-1) ?? key;
  const twice = new Set(keys.map(plain).filter((name, place, all) => all.indexOf(name) !== place));
  return keys.map((key) => ({ name: (twice.has(plain(key)) ? key.replace(".", " · ") : plain(key)).replaceAll("_", " "), values: flat.map((one) => one[key]) }));
}

/**
 * The metrics of evaluations and the times of the jobs, with the places of the best values.
 * @param {Side[]} sides
 * @returns {{name: string, metric: Metric | undefined, values: (number | undefined)[], best: number[]}[]}
 */
export function metrics(sides) {
  /** @type {Record<string, Metric>} */
  const known = { ...JOB_TIMES };
  const flat = sides.map(({ job }) => {
    /** @type {Record<string, any>} */
    const found = job ? { computeSeconds: job.computeSeconds, waitingSeconds: job.waitingSeconds, firstFrameSeconds: job.firstFrameSeconds } : {};
    for (const node of job?.nodes ?? []) {
      if (!node.service.startsWith("evaluate.")) continue;
      Object.assign(found, node.metrics ?? {});
      Object.assign(known, job.metricMeanings?.[node.id] ?? {});
    }
    return found;
  });
  const names = [...new Set(flat.flatMap((one) => Object.keys(one)))];
  return names.flatMap((name) => {
    const values = flat.map((one) => (typeof one[name] === "number" ? one[name] : undefined));
    return values.some((one) => one !== undefined) ? [{ name, metric: known[name], values, best: best(values, known[name]?.better) }] : [];
  });
}

/** Places of the best value; none if all are equal, or no direction is better. @param {(number | undefined)[]} values @param {string | null | undefined} better */
function best(values, better) {
  const there = values.filter((one) => one !== undefined);
  if ((better !== "higher" && better !== "lower") || there.length < 2) return [];
  const [low, high] = [Math.min(...there), Math.max(...there)];
  if (low === high) return [];
  return [...values.keys()].filter((place) => values[place] === (better === "higher" ? high : low));
}

/** What is said in the video, with its times, for the time line. @param {Side} side */
export function spokenBy({ job }) {
  const words = spokenIn(job?.nodes ?? [])?.words ?? [];
  const phonemes = (job?.nodes ?? []).map((/** @type {any} */ node) => node.output?.phonemes).find((/** @type {any} */ list) => Array.isArray(list) && list.every((one) => Number.isFinite(one?.start_s)));
  const mark = (/** @type {any} */ one) => ({ text: one.symbol ?? "", start: one.start_s, end: one.end_s });
  return words.length || phonemes ? { words, phonemes: phonemes?.map(mark) } : undefined;
}
