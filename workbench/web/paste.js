// @ts-check
// Paste anywhere on the page Generate: an image becomes the portrait, an audio file the recording or the voice, and text the
// script. In a field, a paste is what it always is.

import { h, sentence, typing } from "./dom.js";
import { formState } from "./form_state.js";
import { upload } from "./http.js";
import { pipelines } from "./pipelines.js";

const WAIT_MS = 5000; // a hidden field appears after the server has answered

/** @typedef {Api.Schema<"PipelineEntry">["inputs"][number]} Input */

export function listenToPaste() {
  document.addEventListener("paste", (event) => {
    if (typing(event) || document.querySelector("dialog[open]")) return;
    const [file] = event.clipboardData?.files ?? [];
    const text = event.clipboardData?.getData("text/plain").trim() ?? "";
    const input = inputFor(pipelines.current?.inputs ?? [], file ? kindOf(file) : text ? "text" : "");
    if (!input) return void (file && tell(null, `The pipeline takes no ${kindOf(file) || "file of this type"}: nothing was pasted.`));
    event.preventDefault();
    if (file) pasteFile(file, input);
    else pasteText(text, input);
  });
}

/** @param {File} file */
const kindOf = (file) => /^(image|audio|video)\//.exec(file.type)?.[1] ?? "";

/**
 * The input that a paste of this kind fills: text the script, a video as sound the recording.
 * @param {Input[]} inputs
 * @param {string} kind
 * @returns {Input | undefined}
 */
export function inputFor(inputs, kind) {
  if (kind === "text") return inputs.find((one) => one.name === "script") ?? inputs.find((one) => one.kind === "text" && one.multiline);
  return inputs.find((one) => one.kind === kind) ?? (kind === "video" ? inputs.find((one) => one.kind === "audio") : undefined);
}

/** @param {string} name */
const slug = (name) => name.toLowerCase().replaceAll("_", "-").replaceAll(" ", "-");

/** Choose the alternative of an input, so that its field is shown. @param {Input} input */
function choose(input) {
  if (!input.groupTitle) return;
  const choices = /** @type {NodeListOf<HTMLInputElement>} */ (document.querySelectorAll(`#field-${slug(input.groupTitle)} input[type="radio"]`));
  const wanted = [...choices].find((one) => one.value === input.alternative);
  if (wanted && !wanted.checked) wanted.click();
}

/** @param {File} file @param {Input} input */
async function pasteFile(file, input) {
  choose(input);
  tell(null, `Pasting ${file.name || "a file"}…`);
  try {
    const { ref } = await upload(file, input.kind);
    const take = await found(() => formState.takers.get(input.name));
    take?.(ref.sha256);
    tell(input, `Pasted ${file.name || `a file`} as the ${input.title.toLowerCase()}.`);
  } catch (/** @type {any} */ error) {
    tell(input, [sentence(error.message), error.details?.remedy].filter(Boolean).join(" "), "bad");
  }
}

/** @param {string} text @param {Input} input */
async function pasteText(text, input) {
  choose(input);
  const field = await found(() => /** @type {HTMLTextAreaElement | null} */ (document.querySelector(`#field-${slug(input.name)} textarea`)));
  if (!field) return;
  const before = field.value.trimEnd();
  field.value = before ? `${before}\n${text}` : text;
  field.dispatchEvent(new Event("input", { bubbles: true }));
  field.focus();
  const count = `${text.length.toLocaleString("en-GB")} ${text.length === 1 ? "character" : "characters"}`;
  tell(input, before ? `Pasted ${count} at the end of the ${input.title.toLowerCase()}.` : `Pasted ${count} as the ${input.title.toLowerCase()}.`);
}

/**
 * What `look` finds, now or within WAIT_MS.
 * @template T
 * @param {() => T | null | undefined} look
 * @returns {Promise<T | null>}
 */
async function found(look) {
  const until = Date.now() + WAIT_MS;
  for (;;) {
    const one = look();
    if (one || Date.now() > until) return one ?? null;
    await new Promise((done) => setTimeout(done, 50));
  }
}

/** @type {HTMLElement | null} */
let note = null;

/** Say what was pasted where, below its field. @param {Input | null} input @param {string} words @param {string} tone */
function tell(input, words, tone = "") {
  note ??= h("p", { class: "wb-pasted", role: "status" });
  const field = input && document.getElementById(`field-${slug(input.name)}`);
  if (field) field.after(note);
  else document.querySelector("#field-pipeline")?.after(note);
  note.textContent = words;
  note.dataset.tone = tone;
  note.hidden = !words;
}
