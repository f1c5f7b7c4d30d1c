// @ts-check
// The form of a pipeline, drawn from its description (GET /api/pipelines): a field for each input, one-of groups, the
// parameters of its nodes in a collapsible section, and errors beside their fields.

import { ask } from "./api.js";
import { button, bytes, fill, h, problem, sentence } from "./dom.js";
import { mount as mountParameters } from "./parameters.js";
import { Pipelines } from "./pipelines.js";
import { fileWarnings } from "./warnings.js";

const ACCEPTED = /** @type {Record<string, string>} */ ({ image: "image/*", audio: "audio/*,video/*", video: "video/*", portraits: ".zip", lora: ".safetensors" });
const FILES = new Set(["image", "audio", "video", "file"]);
const LORA_NAME = /^[a-z0-9_-]{1,64}$/;
/** What a file of the input is uploaded as. */
const uploadKind = (input) => input.holds || input.kind;
let forms = 0;

/**
 * The values of a form. A file is {path} or {ref, name, warnings}; other values have the type of the input's kind.
 * @typedef {{inputs: Record<string, any>, params: Record<string, Record<string, any>>, leaveOut: string[], seed: number, experiment: string, consent?: string}} Values
 *
 * @typedef {object} Options
 * @property {any} pipeline  The entry of GET /api/pipelines.
 * @property {() => Values} read  Returns the current values, which the notebook may have set.
 * @property {(values: Values) => void} write  Called after every change by the user.
 * @property {(file: File | string, kind: string, progress: (share: number) => void) => Promise<any>} upload  Returns
 *   {ref, warnings} of a file, or of a path on the machine of the workbench.
 * @property {(accepted: any) => void} submitted
 */

/**
 * Draws the form. Returns a function that redraws it from `read()`.
 * @param {Element} element
 * @param {Options} options
 */
export function form(element, { pipeline, read, write, upload, submitted }) {
  const id = `wb-form-${(forms += 1)}`;
  /** @type {Map<string, (text: string, remedy?: string) => void>} shows the problem of an input */
  const showProblem = new Map();
  /** @type {Map<string, (list: {message: string, remedy?: string}[]) => void>} shows the warnings about the file of an input */
  const showWarnings = new Map();
  const inputs = h("div", { class: "wb-form-inputs" });
  const parameters = h("div", {});
  const messages = h("div", { class: "wb-form-said" });
  const run = button("Run", { icon: "play", kind: "primary", onclick: submit });
  const source = new Pipelines([pipeline], pipeline.name);
  fill(element, h("div", { class: "wb-form" }, h("h3", {}, pipeline.title), h("p", { class: "wb-muted" }, pipeline.doc), inputs, parameters, h("div", { class: "wb-actions" }, run, messages)));

  const now = () => structuredClone(read());
  const set = (name, value) => {
    const values = now();
    values.inputs[name] = value;
    write(values);
    showProblem.get(name)?.("");
  };
  const usual = [
    { name: "seed", title: "Seed", doc: "Equal seeds give equal results.", kind: "integer", minimum: 0, maximum: Number.MAX_SAFE_INTEGER },
    { name: "experiment", title: "Experiment", doc: "The experiment that records the run.", kind: "text" },
    { name: "consent", title: "Consent", doc: "Your name, if everybody who is seen or heard in the files agreed. The sample needs none.", kind: "text" },
  ];

  function draw() {
    const values = now();
    const done = new Set();
    fill(
      inputs,
      pipeline.inputs.map((one) => {
        if (done.has(one.name)) return null;
        if (one.use !== "one_of") return field(one, values.inputs[one.name], (value) => set(one.name, value));
        const group = pipeline.inputs.filter((other) => one.group.includes(other.name));
        for (const other of group) done.add(other.name);
        const fields = group.map((other) => field(other, values.inputs[other.name], (value) => set(other.name, value)));
        return h("fieldset", { class: "wb-form-group" }, h("legend", {}, one.groupTitle || "One of these"), fields);
      }),
      usual.map((one) => field(one, /** @type {any} */ (values)[one.name], (value) => write({ ...now(), [one.name]: value }))),
    );
  }

  function field(input, value, changed) {
    const name = `${id}-${input.name}`;
    const wrong = h("p", { class: "wb-field-problem", id: `${name}-problem`, role: "alert", hidden: true });
    const say = (text, remedy = "") => {
      wrong.hidden = !text;
      wrong.textContent = text ? [sentence(text), remedy].filter(Boolean).join(" ") : "";
    };
    const { shown, control } = FILES.has(input.kind) ? file(input, value, changed, say) : plain(input, value, changed);
    control.id = name;
    control.setAttribute("aria-describedby", `${name}-help ${name}-problem`);
    showProblem.set(input.name, say);
    const needs = input.needs?.length ? ` Needs ${input.needs.map(titleOf).join(" or ")}.` : "";
    const optional = input.use === "optional" && input.kind !== "switch" ? h("span", { class: "wb-muted" }, " optional") : null;
    const label = h("label", { for: name }, input.title, optional);
    const help = h("p", { class: "wb-field-help", id: `${name}-help` }, input.doc + needs);
    return h(
      "div",
      { class: "wb-field", "data-field": input.name, "data-kind": input.multiline ? "text" : input.kind },
      input.kind === "switch" ? h("div", { class: "wb-check" }, control, label) : [h("div", { class: "wb-field-head" }, label), shown],
      help,
      wrong,
    );
  }

  const titleOf = (name) => pipeline.inputs.find((one) => one.name === name)?.title ?? name;

  function plain(input, value, changed) {
    const hint = { placeholder: input.example || input.doc, maxlength: input.maxLength ?? null };
    let control;
    if (input.kind === "switch") {
      control = h("input", { type: "checkbox", checked: Boolean(value ?? input.default), onchange: () => changed(control.checked) });
    } else if (input.kind === "choice") {
      control = h("select", { class: "wb-select", onchange: () => changed(control.value) }, input.choices.map((one) => h("option", { value: one, selected: one === (value ?? input.default) }, one)));
    } else if (input.kind === "number" || input.kind === "integer") {
      const bounds = { min: input.minimum ?? null, max: input.maximum ?? null, step: input.kind === "integer" ? "1" : "any" };
      control = h("input", { class: "wb-input", type: "number", ...bounds, oninput: () => changed(control.value === "" ? null : Number(control.value)) });
      control.value = String(value ?? input.default ?? "");
    } else {
      control = h(input.multiline ? "textarea" : "input", { class: input.multiline ? "wb-textarea" : "wb-input", ...hint, ...(input.multiline ? { rows: 3 } : { type: "text" }), oninput: () => changed(control.value) });
      control.value = value ?? input.default ?? "";
    }
    return { shown: control, control };
  }

  /** A path on the machine of the workbench, or a file from this computer. Each replaces the other. */
  function file(input, value, changed, say) {
    const path = h("input", { class: "wb-input", type: "text", placeholder: input.sample ? "a path, or sample" : input.holds === "lora" ? "a path, or the name of a trained LoRA" : "a path", spellcheck: false, oninput: () => ((taken.textContent = ""), warn([]), changed(path.value.trim() ? { path: path.value.trim() } : null)) });
    path.value = value?.path ?? "";
    const taken = h("span", { class: "wb-muted", "aria-live": "polite" }, value?.ref ? described(value) : "");
    const told = h("div", { "aria-live": "polite" });
    const warn = (list) => fill(told, fileWarnings(list));
    warn(value?.warnings ?? []);
    showWarnings.set(input.name, warn);
    const chosen = h("input", { type: "file", accept: ACCEPTED[uploadKind(input)], hidden: true, onchange: take, "aria-label": `${input.title} from this computer` });
    async function take() {
      const [given] = chosen.files ?? [];
      if (!given) return;
      say("");
      try {
        const { ref, warnings } = await upload(given, uploadKind(input), (share) => (taken.textContent = `${given.name}, ${Math.round(100 * share)} %`));
        path.value = "";
        const sent = { ref, name: given.name, warnings };
        taken.textContent = described(sent);
        warn(warnings);
        changed(sent);
      } catch (/** @type {any} */ error) {
        taken.textContent = "";
        say(error.message, error.details?.remedy);
      }
      chosen.value = "";
    }
    const pick = button("Choose a file", { kind: "quiet", onclick: () => chosen.click() });
    return { shown: h("div", { class: "wb-form-file" }, path, pick, chosen, taken, told), control: path };
  }

  const described = ({ ref, name }) => [name, bytes(ref.sizeBytes ?? ref.size_bytes)].filter(Boolean).join(", ");

  async function submit() {
    for (const say of showProblem.values()) say("");
    fill(messages);
    const bad = element.querySelectorAll('.wb-parameters [aria-invalid="true"]').length;
    if (bad) return void fill(messages, problem({ message: `${bad} of the parameters are not valid: see above` }, { compact: true }));
    run.disabled = true;
    try {
      const { inputs: given, params, leaveOut, seed, experiment, consent } = now();
      const options = /** @type {Record<string, any>} */ ({ seed, leaveOut });
      for (const input of pipeline.inputs) {
        const value = given[input.name];
        if (value === undefined || value === null || value === "" || value === false) continue;
        options[input.name] = FILES.has(input.kind) ? await digest(input, value) : typeof value === "string" ? value.trim() : value;
      }
      const said = consent?.trim() ? { consent: { given: true, name: consent.trim() } } : {};
      submitted(await ask("POST /api/jobs", { pipeline: pipeline.name, options, params, experiment: experiment.trim() || "workbench", ...said }));
    } catch (error) {
      refused(error);
    } finally {
      run.disabled = false;
    }
    return undefined;
  }

  async function digest(input, value) {
    if (value.ref) return value.ref.sha256;
    if (input.holds === "lora" && LORA_NAME.test(value.path)) return value.path; // a name
    try {
      const { ref, warnings } = await upload(value.path, uploadKind(input), () => {});
      showWarnings.get(input.name)?.(warnings);
      return ref.sha256;
    } catch (/** @type {any} */ error) {
      error.details = { ...error.details, where: `${pipeline.name}: ${input.name}` };
      throw error;
    }
  }

  /** Show the error beside its field, or beside the button if it has none. */
  function refused(error) {
    const where = String(error.details?.where ?? "");
    const [node, param] = where.replace(/^node /, "").split(": params.");
    if (param) {
      const value = { ...props.value, errors: [{ node, param: param.split(".")[0], message: error.message }] };
      props.value = value;
      redrawParameters();
      return void fill(messages, problem({ message: "The job was not submitted: see above" }, { compact: true }));
    }
    if (error.code?.startsWith("consent.")) return void showProblem.get("consent")?.(error.message, error.details?.remedy);
    const names = new Set(where.slice(where.lastIndexOf(": ") + 1).split(/[\s,]+/).map(plainName));
    const named = [...showProblem.keys()].find((name) => names.has(plainName(name)));
    if (!named) return void fill(messages, problem(error, { compact: true }));
    showProblem.get(named)?.(error.message, error.details?.remedy);
    return void fill(messages, problem({ message: "The job was not submitted: see above" }, { compact: true }));
  }

  // -- parameters -----------------------------------------------------------------------------------------------------

  const props = { value: /** @type {any} */ ({}) };
  let redrawParameters = () => {};
  const filled = () => ({ pipeline: pipeline.name, params: now().params, leaveOut: now().leaveOut, fill: true });
  function parametersChanged() {
    const { params, leaveOut } = props.value;
    const before = now();
    if (JSON.stringify([params, leaveOut]) !== JSON.stringify([before.params, before.leaveOut])) write({ ...before, params, leaveOut });
  }

  draw();
  props.value = filled();
  mountParameters(parameters, {
    props,
    trigger: (event) => event === "change" && parametersChanged(),
    watch: (_, changed) => (redrawParameters = changed),
    pipelines: source,
    scope: id,
  });
  return () => {
    draw();
    props.value = filled();
    redrawParameters();
  };
}

/** A key for which `refText` and `ref_text` are equal. @param {string} name */
const plainName = (name) => name.replaceAll("_", "").toLowerCase();
