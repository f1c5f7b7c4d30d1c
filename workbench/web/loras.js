// @ts-check
// Trained LoRAs: a choice by name for an input, and what a training made.

import { ask } from "./api.js";
import { setDownloadUrl } from "./artifact.js";
import { fill, h, linkButton, when } from "./dom.js";

/** @typedef {Api.Schema<"TrainedLora">} Lora */

let fields = 0;

/**
 * The trained LoRAs, or that of one training. None if the server does not answer: a file can still be chosen without them.
 * @param {string} [job]
 * @returns {Promise<Lora[]>}
 */
const trained = (job) => ask("GET /api/loras", job ? { job } : {}).then(({ loras }) => loras, () => []);

/**
 * Draw a choice of the trained LoRAs in `place`. Calls `take(sha256)` with the file of the chosen one.
 * @param {Element} place
 * @param {{take: (sha256: string) => void}} options
 */
export async function showTrained(place, { take }) {
  const loras = await trained();
  if (!loras.length) return fill(place, h("span", {}));
  const id = `wb-trained-${(fields += 1)}`;
  const choice = /** @type {HTMLSelectElement} */ (h(
    "select",
    { class: "wb-select", id, onchange: () => choice.value && take(choice.value) },
    h("option", { value: "" }, "Choose by name"),
    loras.map((one) => h("option", { value: one.ref.sha256, disabled: one.withdrawn }, wordsOf(one))),
  ));
  return fill(place, h("div", { class: "wb-trained" }, h("label", { for: id, class: "wb-muted" }, "Trained"), choice));
}

/** @param {Lora} one */
const wordsOf = (one) => `${one.name} (${[one.baseModel, one.withdrawn ? "consent withdrawn" : ""].filter(Boolean).join(", ")})`;

/**
 * What the file of an input is: from the header of an upload, else from its training.
 * @param {Element} place
 * @param {{ref: any, facts?: {lora?: {rank: number, trigger?: string, baseModel?: string, licence?: string} | null}}} value
 */
export async function describeLora(place, { ref, facts }) {
  const said = facts?.lora;
  if (said) return fill(place, factList({ "trigger word": said.trigger, "base model": said.baseModel, licence: said.licence, rank: String(said.rank) }));
  const loras = await trained();
  const found = loras.find((one) => one.ref.sha256 === ref.sha256);
  return fill(place, found ? factList(of(found)) : null);
}

/**
 * The result of a training in `place`: the name, how to use it, where it comes from, and its file.
 * @param {Element} place
 * @param {string} jobId
 */
export async function showTraining(place, jobId) {
  const [made] = await trained(jobId);
  if (!made) return;
  const file = setDownloadUrl(linkButton(made.ref.name ?? "LoRA", null, { icon: "download", download: "" }), made.ref.sha256);
  const how = h("p", { class: "wb-muted" }, "Other pipelines take it by its name: on the page beside the upload, or with ", h("code", {}, `--lora ${made.name}`), made.trigger ? [". A prompt calls for the person with the word ", h("code", {}, made.trigger)] : null, ".");
  fill(place, h("h3", {}, `LoRA ${made.name}`), factList({ ...of(made), consent: made.withdrawn ? `${made.consent}, withdrawn` : (made.consent ?? "") }), how, h("div", { class: "wb-actions" }, file));
}

/** @param {Lora} one */
const of = (one) => ({ name: one.name, "trigger word": one.trigger, "base model": one.baseModel, licence: one.licence, trained: one.trainedAt ? when(one.trainedAt) : "" });

/** @param {Record<string, any>} entries */
const factList = (entries) => h("dl", { class: "wb-facts" }, Object.entries(entries).map(([name, value]) => (value ? [h("dt", {}, name), h("dd", {}, value)] : null)));
