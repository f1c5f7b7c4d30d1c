// @ts-check
// What a new sweep starts from: a run, the draft of the page Generate, another sweep, or a text.

import { ask } from "./api.js";
import { emptySpec } from "./sweep_spec.js";

/**
 * @typedef {import("./sweep_spec.js").Spec} Spec
 * @typedef {{spec: Spec, extends: any, said: string}} Start  `extends`: the sweep that it extends, or null.
 *
 * @param {{from?: string | null, extend?: string | null, draftKey?: string}} options
 * @returns {Promise<Start>}
 */
export async function startingSpec({ from = null, extend = null, draftKey = "" }) {
  if (extend) {
    const sweep = await ask("GET /api/sweeps/{sweep}", { sweep: extend });
    return { spec: structuredClone(sweep.spec), extends: sweep, said: "" };
  }
  const { pipelines } = await ask("GET /api/pipelines");
  if (from) {
    const { job } = await ask("GET /api/jobs/{job_id}", { job_id: from });
    const asked = /** @type {any} */ (job.options);
    if (!asked) throw { message: "This run was submitted as a graph, not as a pipeline", details: { remedy: "Sweeps vary a pipeline: start from one of its runs." } };
    return { spec: { ...emptySpec(asked.pipeline), ...inputsOf(asked.options ?? {}, pipelines.find((one) => one.name === asked.pipeline)), params: asked.params ?? {}, experiment: job.experiment === "workbench" ? "" : job.experiment }, extends: null, said: `Starts from the run ${job.title || job.jobId}.` };
  }
  const draft = draftOf(draftKey, pipelines);
  if (draft) return { spec: draft, extends: null, said: "Starts from your draft on the page Generate." };
  return { spec: emptySpec((pipelines.find((one) => one.offered && one.listed) ?? pipelines[0])?.name ?? ""), extends: null, said: "" };
}

/** The options of a request as a spec has them: the names of inputs as in Python. */
function inputsOf(/** @type {Record<string, any>} */ options, /** @type {any} */ pipeline) {
  const { leaveOut = [], ...rest } = options;
  const named = new Map((pipeline?.inputs ?? []).map((/** @type {any} */ one) => [camel(one.name), one.name]));
  return { options: Object.fromEntries(Object.entries(rest).map(([name, value]) => [named.get(name) ?? name, value])), leaveOut };
}

const camel = (/** @type {string} */ name) => name.replace(/_(\w)/g, (_, letter) => letter.toUpperCase());

/**
 * The draft that the page Generate keeps in this browser, as a spec; null if there is none for this user.
 * @param {string} key
 * @param {any[]} pipelines
 * @returns {Spec | null}
 */
export function draftOf(key, pipelines) {
  if (!key) return null;
  try {
    const draft = JSON.parse(window.localStorage.getItem(`wb-draft-${key}`) ?? "null");
    const pipeline = pipelines.find((one) => one.name === draft?.pipeline);
    return pipeline ? specOfDraft(draft, pipeline) : null;
  } catch {
    return null; // the storage is blocked, or holds something else
  }
}

/** @param {any} draft  Of draft.js. @param {any} pipeline @returns {Spec} */
export function specOfDraft(draft, pipeline) {
  /** @type {Record<string, any>} */
  const options = {};
  const slug = (/** @type {string} */ text) => text.toLowerCase().replace(/[_ ]/g, "-"); // as app/pages/fields.py
  for (const input of pipeline.inputs) {
    const id = `field-${slug(input.name)}`;
    if (input.use === "one_of" && draft.choices?.[`field-${slug(input.groupTitle)}`] && draft.choices[`field-${slug(input.groupTitle)}`] !== input.alternative) continue;
    const value = ["image", "audio", "video", "file"].includes(input.kind) ? draft.files?.[input.name]?.sha256 : input.kind === "switch" ? draft.checks?.[id] : input.kind === "number" || input.kind === "integer" ? numberOf(draft.texts?.[id]) : draft.texts?.[id];
    if (value !== undefined && value !== "" && value !== false && value !== null) options[input.name] = value;
  }
  const seed = numberOf(draft.texts?.["field-seed"]);
  if (seed) options.seed = seed;
  const parameters = draft.parameters ?? {};
  const experiment = draft.texts?.["field-experiment"]?.trim() ?? "";
  return { ...emptySpec(pipeline.name), options, params: parameters.params ?? {}, leaveOut: parameters.leaveOut ?? [], experiment: experiment === "workbench" ? "" : experiment };
}

const numberOf = (/** @type {string | undefined} */ text) => (text === undefined || text.trim() === "" || Number.isNaN(Number(text)) ? undefined : Number(text));

/** A spec from a text that somebody pasted or loaded. @param {string} text @returns {Promise<Spec>} */
export function specOfText(text) {
  return ask("POST /api/sweeps/read", { text });
}
