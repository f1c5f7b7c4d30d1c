// @ts-check
// One axis of the form of a sweep: what varies, and its values.

import { button, fill, h } from "./dom.js";
import { label as titleOf } from "./parameters.js";
import { fileChip, fileChooser } from "./sweep_files.js";
import { FILES } from "./sweep_inputs.js";
import { lengthOf, numbersIn } from "./sweep_spec.js";

/** @typedef {Record<string, any>} Axis */

/** What can vary in a pipeline: groups of [value, words]. @param {any} pipeline @returns {[string, [string, string][]][]} */
export function variables(pipeline) {
  return /** @type {[string, [string, string][]][]} */ ([
    ["Usual", [["seeds", "Seeds"], ...(pipeline.presets?.length ? [["presets", "Presets"]] : []), ["pipelines", "Pipelines"]]],
    ["Inputs", pipeline.inputs.map((/** @type {any} */ one) => [`input ${one.name}`, one.title])],
    ["Optional steps", pipeline.nodes.filter((/** @type {any} */ one) => one.optional).map((/** @type {any} */ one) => [`leave ${one.id}`, `with or without ${one.name}`])],
    ...pipeline.nodes.map((/** @type {any} */ node) => [node.name, Object.keys(node.params?.properties ?? {}).map((name) => [`param ${node.id}.${name}`, titleOf(name)])]),
    ["Anything", [["own", "Own choices (JSON)"]]],
  ]).filter(([, list]) => list.length);
}

/** A new axis over something of `variables`. @param {string} what @param {any} pipeline @returns {Axis} */
export function newAxis(what, pipeline) {
  const [kind, name] = what.split(" ");
  if (kind === "seeds") return { seeds: 3 };
  if (kind === "presets") return { name: "preset", choices: pipeline.presets.map(choiceOf) };
  if (kind === "pipelines") return { name: "pipeline", choices: [{ label: pipeline.title, pipeline: pipeline.name }] };
  if (kind === "leave") return { name, choices: [{ label: `with ${name}` }, { label: `without ${name}`, leaveOut: [name] }] };
  if (kind === "own") return { name: "choice", choices: [{ label: "A", params: {} }, { label: "B", params: {} }] };
  if (kind === "input") {
    const input = pipeline.inputs.find((/** @type {any} */ one) => one.name === name);
    if (FILES.has(input.kind)) return { name, choices: [] };
    return { param: name, values: input.kind === "choice" ? [...input.choices] : input.kind === "switch" ? [false, true] : [] };
  }
  const schema = schemaOf(name, pipeline);
  if (schema.enum) return { param: name, values: [...schema.enum] };
  if (schema.type === "boolean") return { param: name, values: [false, true] };
  const [low, high] = [schema.minimum ?? schema.exclusiveMinimum, schema.maximum ?? schema.exclusiveMaximum];
  if (isNumber(schema) && low !== undefined && high !== undefined && high - low <= 1000) return { param: name, range: { from: low, to: high, steps: 3, integer: schema.type === "integer" } };
  return { param: name, values: schema.default === undefined || schema.default === null ? [] : [schema.default] };
}

const choiceOf = (/** @type {any} */ preset) => ({ label: preset.name, params: structuredClone(preset.params ?? {}), leaveOut: [...(preset.leaveOut ?? [])] });
const isNumber = (/** @type {any} */ schema) => schema.type === "number" || schema.type === "integer";

/** The JSON Schema of what values set: of "node.parameter" or of an input. @param {string} param @param {any} pipeline @returns {any} */
function schemaOf(param, pipeline) {
  const [node, name] = param.split(/\.(.*)/);
  const found = pipeline.nodes.find((/** @type {any} */ one) => one.id === node)?.params?.properties?.[name];
  if (found) {
    const real = (found.anyOf ?? []).filter((/** @type {any} */ one) => one.type !== "null");
    return real.length === 1 ? { ...real[0], ...found, type: real[0].type } : found;
  }
  const input = pipeline.inputs.find((/** @type {any} */ one) => one.name === param);
  if (param === "seed") return { type: "integer", minimum: 0 };
  if (!input) return {};
  return { type: /** @type {any} */ ({ switch: "boolean", number: "number", integer: "integer" })[input.kind] ?? "string", enum: input.kind === "choice" ? input.choices : undefined, minimum: input.minimum ?? undefined, maximum: input.maximum ?? undefined, multiline: input.multiline };
}

/** What an axis varies, in words. @param {Axis} axis @param {any} pipeline */
export function axisWords(axis, pipeline) {
  if (axis.seeds !== undefined && axis.seeds !== null) return axis.name || "Seeds";
  if (!axis.param) return axis.name ? titleOf(axis.name) : "Choices";
  const [node, name] = axis.param.split(/\.(.*)/);
  const step = pipeline.nodes.find((/** @type {any} */ one) => one.id === node);
  return step && name ? `${step.name}: ${titleOf(name)}` : (pipeline.inputs.find((/** @type {any} */ one) => one.name === axis.param)?.title ?? axis.param);
}

/**
 * The card of an axis. `axis` is changed in place. `changed()` is called after it, `redraw()` where other cards change too.
 * @param {{axis: Axis, others: {name: string, words: string}[], pipeline: any, pipelines: any[], method: () => string, scope: string, upload: any, changed: () => void, remove: () => void}} options
 */
export function axisCard({ axis, others, pipeline, pipelines, method, scope, upload, changed, remove }) {
  const body = h("div", { class: "wb-axis-body" });
  const wrong = h("p", { class: "wb-field-problem", role: "alert", hidden: true });
  const count = h("span", { class: "wb-chip" });
  let own = ""; // the problem of what is typed here now; the values are those before it
  const say = (/** @type {string} */ text) => {
    wrong.hidden = !(own || text);
    wrong.textContent = own || text;
  };
  const done = (/** @type {string} */ problem = "") => {
    own = problem;
    say("");
    tell();
    changed();
  };
  const tell = () => {
    const many = lengthOf(axis, method());
    count.textContent = many === null ? "" : many === 1 ? "1 value" : `${many} values`;
    count.hidden = many === null;
  };
  const words = axisWords(axis, pipeline);
  const paired = h("select", { class: "wb-select", "aria-label": `${words}: paired with`, onchange: () => ((axis.with = paired.value), done()) }, h("option", { value: "" }, "on its own"), others.map((one) => h("option", { value: one.name, selected: one.name === axis.with }, `together with ${one.words}`)));
  const element = h(
    "section",
    { class: "wb-axis", "aria-label": words },
    h("div", { class: "wb-axis-head" }, h("h4", {}, words), count, h("span", { class: "wb-axis-gap" }), others.length ? paired : null, button("Remove", { kind: "quiet", icon: "close", "aria-label": `Remove ${words}`, onclick: remove })),
    body,
    wrong,
  );
  draw();
  tell();

  function draw() {
    if (axis.seeds !== undefined && axis.seeds !== null) return fill(body, seeds());
    if (axis.manifest !== undefined && axis.manifest !== null) return fill(body, manifest());
    if (axis.choices) return fill(body, choices());
    const schema = schemaOf(axis.param ?? "", pipeline);
    if (schema.enum || schema.type === "boolean") return fill(body, boxes((schema.enum ?? [false, true]).map((/** @type {any} */ one) => ({ value: one, words: one === "" ? "—" : one === true ? "on" : one === false ? "off" : String(one) })), axis.values ?? [], (list) => (axis.values = list)));
    return fill(body, isNumber(schema) || axis.range ? numbers(schema) : lines(schema));
  }

  function boxes(/** @type {{value: any, words: string}[]} */ all, /** @type {any[]} */ on, /** @type {(list: any[]) => void} */ set) {
    const chosen = new Set(on.map((one) => JSON.stringify(one)));
    return h(
      "div",
      { class: "wb-axis-boxes" },
      all.map(({ value, words: text }) =>
        h("label", { class: "wb-check" }, h("input", { type: "checkbox", checked: chosen.has(JSON.stringify(value)), onchange: (event) => {
          if (event.currentTarget.checked) chosen.add(JSON.stringify(value));
          else chosen.delete(JSON.stringify(value));
          set(all.filter((one) => chosen.has(JSON.stringify(one.value))).map((one) => one.value));
          done(chosen.size ? "" : "Choose at least one value.");
        } }), text),
      ),
    );
  }

  function small(/** @type {string} */ text, /** @type {any} */ value, /** @type {(text: string) => void} */ set, /** @type {any} */ more = {}) {
    return h("label", { class: "wb-axis-small" }, h("span", { class: "wb-muted" }, text), h("input", { class: "wb-input", type: "number", step: "any", value: value ?? "", ...more, oninput: (/** @type {any} */ event) => set(event.currentTarget.value) }));
  }

  function numbers(/** @type {any} */ schema) {
    const asList = !axis.range;
    const turn = (/** @type {boolean} */ list) => {
      if (list === asList) return;
      if (list) {
        const { from, to, steps } = axis.range;
        axis.values = spread(from, to, steps ?? 3, axis.range.integer, axis.range.scale);
        delete axis.range;
      } else {
        const given = axis.values ?? [];
        axis.range = { from: given.length ? Math.min(...given) : (schema.minimum ?? 0), to: given.length > 1 ? Math.max(...given) : (schema.maximum ?? 1), steps: Math.max(2, given.length || 3), integer: schema.type === "integer" };
        delete axis.values;
      }
      draw();
      done();
      /** @type {HTMLElement | null} */ (body.querySelector('[aria-pressed="true"]'))?.focus();
    };
    const mode = h("div", { class: "wb-segments", role: "group", "aria-label": "How values are given" }, [["From – to", false], ["List", true]].map(([text, list]) => h("button", { type: "button", "aria-pressed": String(list === asList), onclick: () => turn(/** @type {boolean} */ (list)) }, text)));
    const bounds = [schema.minimum !== undefined ? `at least ${schema.minimum}` : "", schema.maximum !== undefined ? `at most ${schema.maximum}` : ""].filter(Boolean).join(", ");
    const help = h("p", { class: "wb-field-help" }, [schema.description, bounds].filter(Boolean).join(" · "));
    if (asList) {
      const input = h("input", { class: "wb-input", type: "text", id: `${scope}-list`, inputmode: "decimal", placeholder: "0.2, 0.5, 0.8", "aria-label": `Values of ${words}`, value: (axis.values ?? []).join(", "), oninput: () => {
        try {
          axis.values = numbersIn(input.value);
          done(axis.values.length ? "" : "Type at least one number.");
        } catch (/** @type {any} */ error) {
          done(error.message);
        }
      } });
      return [h("div", { class: "wb-axis-numbers" }, mode, input), help];
    }
    const range = axis.range;
    const preview = h("span", { class: "wb-muted wb-axis-preview" });
    const put = (/** @type {string} */ name, /** @type {boolean} */ whole = false) => (/** @type {string} */ text) => {
      range[name] = text === "" ? (name === "steps" ? null : 0) : whole ? Math.round(Number(text)) : Number(text);
      told();
      done(range.from >= range.to ? "“From” must be less than “to”." : range.scale === "log" && range.from <= 0 ? "A logarithmic range starts above 0." : name === "steps" && range.steps !== null && range.steps < 2 ? "At least 2 steps." : "");
    };
    const told = () => (preview.textContent = range.steps ? `${spread(range.from, range.to, Math.min(range.steps, 5), range.integer, range.scale).join(", ")}${range.steps > 5 ? ", …" : ""}` : "sampled between both");
    told();
    const scale = h("label", { class: "wb-check" }, h("input", { type: "checkbox", checked: range.scale === "log", onchange: (event) => ((range.scale = event.currentTarget.checked ? "log" : "linear"), told(), done(range.scale === "log" && range.from <= 0 ? "A logarithmic range starts above 0." : "")) }), "logarithmic");
    return [h("div", { class: "wb-axis-numbers" }, mode, small("from", range.from, put("from")), small("to", range.to, put("to")), small("steps", range.steps, put("steps", true), { step: 1, min: 2, max: 1000 }), scale, preview), help];
  }

  function lines(/** @type {any} */ schema) {
    const many = schema.multiline;
    const between = many ? /\n\s*---\s*\n/ : /\n/;
    const area = h("textarea", { class: "wb-textarea", rows: 3, "aria-label": `Values of ${words}`, placeholder: many ? "one text\n---\nanother text" : "one value\nanother value", oninput: () => {
      axis.values = area.value.split(between).map((one) => one.trim()).filter(Boolean);
      done(axis.values.length ? "" : "Type at least one value.");
    } });
    area.value = (axis.values ?? []).map((/** @type {any} */ one) => (typeof one === "string" ? one : JSON.stringify(one))).join(many ? "\n---\n" : "\n");
    return [area, h("p", { class: "wb-field-help" }, many ? "A line with --- separates the texts." : "One value per line.")];
  }

  function seeds() {
    const list = Array.isArray(axis.seeds);
    const input = h("input", { class: "wb-input", type: "text", inputmode: "numeric", "aria-label": "Seeds", value: list ? axis.seeds.join(", ") : String(axis.seeds), oninput: () => {
      try {
        const found = numbersIn(input.value);
        if (found.some((one) => one < 0 || !Number.isInteger(one))) throw new Error("Seeds are whole numbers from 0.");
        if (!found.length) return done("Type how many seeds, or which.");
        axis.seeds = found.length === 1 && !input.value.includes(",") ? found[0] : found;
        return done(axis.seeds === 0 ? "At least one seed." : "");
      } catch (/** @type {any} */ error) {
        return done(error.message);
      }
    } });
    return [h("div", { class: "wb-axis-numbers" }, input), h("p", { class: "wb-field-help" }, "A number takes as many seeds from 0 on: 3 is 0, 1, 2. Or list them: 7, 21, 42.")];
  }

  function manifest() {
    const input = h("input", { class: "wb-input", type: "text", spellcheck: false, placeholder: "/data/clips.jsonl", "aria-label": "Path of the manifest", value: axis.manifest, oninput: () => ((axis.manifest = input.value.trim()), done(axis.manifest ? "" : "Type the path of the manifest.")) });
    return [input, h("p", { class: "wb-field-help" }, "A manifest is read where its files are: `workbench sweep` and notebooks turn it into choices.")];
  }

  function choices() {
    const list = axis.choices;
    const input = fileInputOf(axis, pipeline);
    if (input) {
      const chips = list.map((/** @type {any} */ one) => fileChip(input, one.options[input.name], one.label, () => {
        axis.choices = axis.choices.filter((/** @type {any} */ other) => other !== one);
        draw();
        done(axis.choices.length ? "" : "Add at least one file.");
      }));
      const take = (/** @type {string} */ value, /** @type {string} */ text) => {
        if (axis.choices.some((/** @type {any} */ one) => one.options[input.name] === value)) return;
        axis.choices = [...axis.choices, { label: text, options: { [input.name]: value } }];
        draw();
        done();
      };
      return [chips.length ? h("div", { class: "wb-file-chips" }, chips) : null, fileChooser({ input, several: true, upload, take })];
    }
    if (list.length && list.every((/** @type {any} */ one) => one.pipeline && !Object.keys(one.options ?? {}).length && !Object.keys(one.params ?? {}).length)) {
      const all = pipelines.filter((one) => one.listed || one.name === pipeline.name).map((one) => ({ value: one.name, words: one.title }));
      return [boxes(all, list.map((/** @type {any} */ one) => one.pipeline), (names) => (axis.choices = names.map((name) => ({ label: all.find((one) => one.value === name)?.words ?? name, pipeline: name })))), h("p", { class: "wb-field-help" }, "Inputs and parameters that all of them have are shared.")];
    }
    const presets = pipeline.presets ?? [];
    if (axis.name === "preset" && presets.length && list.every((/** @type {any} */ one) => presets.some((/** @type {any} */ preset) => preset.name === one.label))) {
      return boxes(presets.map((/** @type {any} */ one) => ({ value: one.name, words: one.name })), list.map((/** @type {any} */ one) => one.label), (names) => (axis.choices = presets.filter((/** @type {any} */ one) => names.includes(one.name)).map(choiceOf)));
    }
    const leave = list.length === 2 && !list[0].leaveOut?.length && list[1].leaveOut?.length === 1 && !Object.keys(list[1].params ?? {}).length;
    if (leave) return h("p", { class: "wb-muted" }, `Each combination runs with the step “${list[1].leaveOut[0]}” and without it.`);
    const area = h("textarea", { class: "wb-textarea wb-mono", rows: 6, spellcheck: false, "aria-label": "Choices as JSON", oninput: () => {
      try {
        axis.choices = JSON.parse(area.value);
        done();
      } catch {
        done("The text is not valid JSON.");
      }
    } });
    area.value = JSON.stringify(list, null, 2);
    return [area, h("p", { class: "wb-field-help" }, "A list of choices: label, pipeline, options, params {node: {parameter: value}}, leaveOut.")];
  }

  return { element, say, tell, axis, wrong: () => own !== "" };
}

/** The file input that all choices of an axis set, and nothing else; null if there is none. @param {Axis} axis @param {any} pipeline */
function fileInputOf(axis, pipeline) {
  const set = new Set(axis.choices.flatMap((/** @type {any} */ one) => Object.keys(one.options ?? {})));
  const name = set.size ? [...set][0] : axis.name;
  const input = pipeline.inputs.find((/** @type {any} */ one) => one.name === name && FILES.has(one.kind));
  const only = axis.choices.every((/** @type {any} */ one) => Object.keys(one.options ?? {}).length === 1 && !one.pipeline && !Object.keys(one.params ?? {}).length && !one.leaveOut?.length);
  return input && set.size <= 1 && only ? input : null;
}

/** Numbers from one end to the other, as the server spreads them. */
function spread(/** @type {number} */ from, /** @type {number} */ to, /** @type {number} */ steps, whole = false, scale = "linear") {
  const log = scale === "log" && from > 0 && to > 0;
  const at = (/** @type {number} */ share) => (log ? from * (to / from) ** share : from + (to - from) * share);
  const found = Array.from({ length: steps }, (_, index) => at(steps > 1 ? index / (steps - 1) : 0));
  return [...new Set(found.map((one) => (whole ? Math.round(one) : Number(one.toPrecision(4)))))];
}
