// @ts-check
// The parameters of the chosen pipeline, as a form made from the JSON Schemas of its nodes. The value contains what the user
// set, even if it equals the default: {params: {node: {param: value}}, leaveOut: [node]}.

import { ask } from "./api.js";
import { button, fill, find, h, icon, problem, sentence } from "./dom.js";
import { formState } from "./form_state.js";
import { preserveInput } from "./preserve_input.js";
import { pipelines as ofThePage } from "./pipelines.js";

const UNITS = { ms: "ms", s: "s", hz: "Hz", px: "px", db: "dB", mib: "MiB", gib: "GiB", fps: "fps", words: "words" };
const QUIET_MS = 600; // pause in typing before the estimate is requested

/** `pipelines`: the source of the parameters; `scope`: prefix of all ids, for pages with several forms. */
export function mount(element, { props, trigger, watch, pipelines = ofThePage, scope = "wb" }) {
  const box = h("div", { class: "wb-parameters" });
  const count = h("span", { class: "wb-chip", hidden: true });
  const head = h("summary", {}, h("span", { class: "wb-fold-title" }, "Parameters"), count);
  const fold = h("details", { class: "wb-fold" }, head, box);
  fill(element, fold);

  const drafts = new Map(); // pipeline -> {params, leaveOut}, so that each pipeline keeps its values
  let errors = [];
  let drawn = { pipeline: "", structure: "", presets: "" };
  let kept = ""; // the preset that was applied or saved last
  let naming = false; // whether the user is typing the name of a preset
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let quiet;
  const draft = () => {
    if (!drafts.has(pipelines.chosen)) drafts.set(pipelines.chosen, { params: {}, leaveOut: [] });
    return drafts.get(pipelines.chosen);
  };

  function publish() {
    const now = draft();
    const changed = Object.values(now.params).reduce((sum, one) => sum + Object.keys(one).length, 0) + now.leaveOut.length;
    count.hidden = !changed;
    count.textContent = `${changed} changed`;
    props.value = { pipeline: pipelines.chosen, params: now.params, leaveOut: now.leaveOut };
    trigger("change");
    if (pipelines === ofThePage) formState.setParameters(pipelines.chosen, { params: now.params, leaveOut: now.leaveOut });
    clearTimeout(quiet);
    quiet = setTimeout(() => trigger("input"), QUIET_MS);
  }

  /** Set a parameter. It is sent even if it equals the default, because a pipeline may set another value. */
  function set(node, name, value) {
    const params = draft().params;
    params[node] ??= {};
    params[node][name] = value;
    publish();
  }

  function forgetValue(node, name) {
    const params = draft().params;
    delete params[node]?.[name];
    if (params[node] && !Object.keys(params[node]).length) delete params[node];
    publish();
  }

  /** `anew`: the values have changed, so the fields must not keep their texts. */
  function draw({ anew = false } = {}) {
    const pipeline = pipelines.current;
    fold.hidden = !pipeline;
    if (!pipeline) return;
    const all = () => fill(box, presets(pipeline), pipeline.nodes.map((node) => section(node)));
    const same = drawn.pipeline === pipeline.name;
    if (!same) naming = false;
    drawn = { pipeline: pipeline.name, structure: structureOf(pipeline), presets: JSON.stringify(pipeline.presets) };
    preserveInput(box, all, { texts: same && !anew });
    publish();
  }

  /** Update availability, typical times and presets without redrawing any field that the user may be typing into. */
  function refreshed() {
    const pipeline = pipelines.current;
    if (!pipeline || drawn.pipeline !== pipeline.name || drawn.structure !== structureOf(pipeline)) return draw();
    const now = JSON.stringify(pipeline.presets);
    if (drawn.presets !== now) {
      drawn.presets = now;
      preserveInput(box, () => box.querySelector(".wb-presets")?.replaceWith(presets(pipeline) ?? ""));
    }
    for (const node of pipeline.nodes) {
      const chip = box.querySelector(`[data-offered-of="${CSS.escape(node.id)}"]`);
      if (chip) showOffer(chip, node);
    }
    return null;
  }

  function showOffer(chip, node) {
    chip.hidden = node.offered;
    const words = node.reason || "no worker";
    if (chip.textContent !== words) chip.textContent = words;
  }

  function section(node) {
    const fields = Object.entries(node.params?.properties ?? {});
    const out = draft().leaveOut.includes(node.id);
    const usual = fields.filter(([, schema]) => !schema.advanced);
    const advanced = fields.filter(([, schema]) => schema.advanced);
    if (!fields.length && !node.optional) return null;
    const body = h("div", { class: "wb-fields", hidden: out }, usual.map(([name, schema]) => field(node, name, schema)));
    const more = advanced.length && !out ? h("details", { class: "wb-advanced", "data-key": `${pipelines.chosen} ${node.id}` }, h("summary", {}, "Advanced"), h("div", { class: "wb-fields" }, advanced.map(([name, schema]) => field(node, name, schema)))) : null;
    if (more && advanced.some(([name]) => errorOf(node.id, name))) more.open = true;
    const chip = h("span", { class: "wb-chip", "data-tone": "warn", "data-offered-of": node.id });
    showOffer(chip, node);
    return h(
      "fieldset",
      { class: "wb-node-fields", "data-node": node.id },
      h("legend", {}, node.name, chip),
      node.optional
        ? h("label", { class: "wb-check" }, h("input", { type: "checkbox", id: `${scope}-leave-${node.id}`, checked: !out, onchange: (event) => leave(node.id, !event.currentTarget.checked) }), `Run this step (${node.doc ? sentence(node.doc).replace(/\.$/, "") : node.service})`)
        : null,
      body,
      more,
    );
  }

  function leave(id, out) {
    const now = draft();
    now.leaveOut = out ? [...new Set([...now.leaveOut, id])] : now.leaveOut.filter((one) => one !== id);
    const node = pipelines.current?.nodes.find((one) => one.id === id);
    preserveInput(box, () => box.querySelector(`[data-node="${CSS.escape(id)}"]`)?.replaceWith(section(node) ?? ""));
    publish();
  }

  const errorOf = (node, name) => errors.find((one) => one.node === node && one.param === name);
  const forgetError = (node, name) => (errors = errors.filter((one) => !(one.node === node && one.param === name)));

  function field(node, name, schema) {
    const kind = kindOf(schema);
    const standard = node.preset?.[name] ?? schema.default;
    const id = `${scope}-${node.id}-${name}`;
    const set_ = draft().params[node.id] ?? {};
    const value = name in set_ ? set_[name] : standard;
    const reset = h("button", { type: "button", class: "wb-reset", title: `Back to ${JSON.stringify(standard)}`, "aria-label": `Reset ${label(name)}` }, icon("again"));
    const messages = h("p", { class: "wb-field-problem", id: `${id}-problem`, role: "alert", hidden: true });
    const wrapper = h("div", { class: "wb-field", "data-field": `${node.id}.${name}`, "data-kind": kind });
    const say = (wrong) => {
      messages.hidden = !wrong;
      if (messages.textContent !== (wrong ?? "")) messages.textContent = wrong ?? "";
      control.input.setAttribute("aria-invalid", String(Boolean(wrong)));
    };
    const changed = (now) => {
      wrapper.dataset.changed = "true";
      forgetError(node.id, name);
      pending = check(now, schema, kind);
      // While the user types, an error may only disappear. A new one appears when the field loses the focus.
      if (!pending) say(null);
      // An invalid value is published too, so that Generate is refused instead of silently using the last valid value.
      set(node.id, name, Number.isNaN(now) ? null : now === undefined ? control.input.value : now);
    };
    /** @type {string | null} */
    let pending = null;
    const control = CONTROLS[kind]({ id, schema, value, changed, unit: unit(name, schema) });
    control.input.setAttribute("aria-describedby", `${id}-help ${id}-problem`);
    wrapper.addEventListener("change", () => say(pending));
    reset.addEventListener("click", () => {
      control.set(standard);
      forgetError(node.id, name);
      pending = null;
      say(null);
      wrapper.dataset.changed = "false";
      forgetValue(node.id, name);
    });
    wrapper.dataset.changed = String(name in set_);
    const wrong = check(value, schema, kind) ?? errorOf(node.id, name)?.message;
    if (wrong) {
      pending = wrong;
      say(wrong);
    }
    wrapper.append(
      h("div", { class: "wb-field-head" }, h("label", { for: id }, label(name), unit(name, schema) ? h("span", { class: "wb-muted" }, ` ${unit(name, schema)}`) : null), reset),
      control.element,
      h("p", { class: "wb-field-help", id: `${id}-help` }, schema.description ?? ""),
      messages,
    );
    return wrapper;
  }

  function presets(pipeline) {
    if (!pipeline.presets) return null;
    const say = h("span", { "aria-live": "polite", class: "wb-muted" });
    const mine = (one) => one.owner !== "";
    const choice = h(
      "select",
      { class: "wb-select", id: `${scope}-preset`, "aria-label": "Preset" },
      h("option", { value: "" }, "Presets…"),
      pipeline.presets.map((one) => h("option", { value: one.name, selected: one.name === kept }, mine(one) ? `${one.name} (mine)` : one.name)),
    );
    const named = () => pipeline.presets.find((one) => one.name === choice.value);
    choice.addEventListener("change", () => {
      const one = named();
      if (!one) return;
      drafts.set(pipelines.chosen, { params: structuredClone(one.params ?? {}), leaveOut: [...(one.leaveOut ?? [])] });
      kept = one.name;
      draw({ anew: true });
      find(box, ".wb-presets select")?.focus();
    });
    const name = h("input", { class: "wb-input", id: `${scope}-preset-name`, placeholder: "Name", maxlength: 60, "aria-label": "Name of the preset", hidden: !naming });
    const chosen = (preset) => {
      kept = preset;
      naming = false;
      box.querySelector(".wb-presets")?.replaceWith(presets(pipelines.current) ?? "");
      find(box, ".wb-presets select")?.focus();
    };
    /** Save or delete a preset. Afterwards `next` is the chosen one. */
    const change = async (question, preset, values, next) => {
      try {
        await ask(question, { pipeline: pipeline.name, name: preset, ...values });
        await pipelines.refresh();
        chosen(next);
      } catch (error) {
        fill(say, problem(error, { compact: true }));
      }
    };
    const save = button("Save as preset", {
      kind: "quiet",
      onclick: () => {
        if (name.hidden) {
          naming = true;
          name.hidden = false;
          name.focus();
          return;
        }
        if (name.value.trim()) change("PUT /api/presets/{pipeline}/{name}", name.value.trim(), draft(), name.value.trim());
      },
    });
    const forget = button("Delete preset", {
      kind: "quiet",
      onclick: () => {
        const one = named();
        if (one && mine(one)) change("DELETE /api/presets/{pipeline}/{name}", one.name, {}, "");
      },
    });
    forget.hidden = !named() || !mine(named());
    return h("div", { class: "wb-presets" }, choice, name, save, forget, say);
  }

  const taken = () => {
    const given = props.value ?? {};
    errors = given.errors ?? [];
    // An update with errors contains the submitted values, but later changes by the user have priority.
    const anew = Boolean(given.pipeline && given.params && !errors.length);
    if (anew) drafts.set(given.pipeline, { params: structuredClone(given.params), leaveOut: [...(given.leaveOut ?? [])] });
    if (errors.length) fold.open = true;
    draw({ anew });
    if (errors.length) element.querySelector('[aria-invalid="true"]')?.focus();
  };
  watch("value", () => {
    const given = props.value ?? {};
    // The form's own values come back unchanged. Only values from elsewhere require a redraw.
    if (given.errors || given.fill) taken();
  });
  pipelines.addEventListener("choose", () => draw());
  pipelines.addEventListener("change", refreshed);
  pipelines.start();
  taken();
  ask("GET /api/session").catch(() => null);
}

/** The part of a pipeline that requires a redraw when it changes: names and schemas, not availability or typical times. */
const structureOf = (one) => JSON.stringify(one.nodes.map(({ offered, reason, ...rest }) => rest));

// -- one field --------------------------------------------------------------------------------------------------------

export const label = (name) => {
  const words = name.replace(/_(ms|s|hz|px|db|mib|gib)$/, "").replaceAll("_", " ");
  return words.charAt(0).toUpperCase() + words.slice(1);
};

const unit = (name, schema) => schema.unit ?? UNITS[name.match(/_(ms|s|hz|px|db|mib|gib)$/)?.[1]] ?? "";

function plain(schema) {
  const real = (schema.anyOf ?? []).filter((one) => one.type !== "null");
  return real.length === 1 ? { ...real[0], ...schema, type: real[0].type, nullable: true } : schema;
}

function kindOf(schema) {
  const one = plain(schema);
  if (one.enum) return "choice";
  if (one.type === "boolean") return "switch";
  if (one.type === "integer" || one.type === "number") return "number";
  if (one.type === "string") return (one.maxLength ?? 0) > 200 ? "text" : "line";
  return "json";
}

/** The problem of a value that the model would refuse, or null. The server checks again. */
export function check(value, schema, kind = kindOf(schema)) {
  const one = plain(schema);
  if (value === null && one.nullable) return null;
  if (kind === "json") return value === undefined || (typeof value === "string" && !isJson(value)) ? "The text is not valid JSON." : null;
  if (kind !== "number") {
    if (typeof value === "string" && one.maxLength && value.length > one.maxLength) return `At most ${one.maxLength} characters are allowed; the text has ${value.length}.`;
    return null;
  }
  if (typeof value !== "number" || Number.isNaN(value)) return "Enter a number.";
  if (one.type === "integer" && !Number.isInteger(value)) return "Enter a whole number.";
  if (one.type === "integer" && !Number.isSafeInteger(value)) return `A browser cannot represent this number exactly. The maximum is ${Number.MAX_SAFE_INTEGER}.`;
  const low = one.minimum ?? one.exclusiveMinimum;
  const high = one.maximum ?? one.exclusiveMaximum;
  if ((one.minimum !== undefined && value < one.minimum) || (one.exclusiveMinimum !== undefined && value <= one.exclusiveMinimum) || (one.maximum !== undefined && value > one.maximum) || (one.exclusiveMaximum !== undefined && value >= one.exclusiveMaximum)) {
    return low !== undefined && high !== undefined ? `${value} is out of bounds: ${low} to ${high}.` : low !== undefined ? `${value} is too small: at least ${low}.` : `${value} is too large: at most ${high}.`;
  }
  if (one.multipleOf && Math.abs(value / one.multipleOf - Math.round(value / one.multipleOf)) > 1e-9) return `It must be a multiple of ${one.multipleOf}.`;
  return null;
}

function isJson(text) {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

/** @type {Record<string, (options: any) => any>} */
const CONTROLS = {
  number({ id, schema, value, changed }) {
    const one = plain(schema);
    const low = one.minimum ?? one.exclusiveMinimum;
    const high = one.maximum ?? one.exclusiveMaximum;
    const step = one.multipleOf ?? (one.type === "integer" ? 1 : "any");
    const read = (text) => (text.trim() === "" ? (one.nullable ? null : NaN) : Number(text));
    const input = h("input", { class: "wb-input wb-number", id, type: "number", value: value ?? "", step, min: low, max: high, inputmode: "decimal" });
    const bounded = low !== undefined && high !== undefined && high - low <= 100_000;
    const slider = bounded ? h("input", { class: "wb-slider", type: "range", min: low, max: high, step: one.multipleOf ?? (one.type === "integer" ? 1 : (high - low) / 100), value: value ?? low, tabindex: "-1", "aria-hidden": "true" }) : null;
    input.addEventListener("input", () => {
      if (slider) slider.value = input.value;
      changed(read(input.value));
    });
    slider?.addEventListener("input", () => {
      input.value = String(Number(Number(slider.value).toPrecision(6)));
      changed(read(input.value));
    });
    return { element: h("div", { class: "wb-number-row" }, slider, input), input, set: (now) => ((input.value = now ?? ""), slider && (slider.value = now ?? low)) };
  },
  switch({ id, value, changed }) {
    const input = h("input", { id, type: "checkbox", checked: Boolean(value), onchange: (event) => changed(event.currentTarget.checked) });
    return { element: h("label", { class: "wb-switch" }, input), input, set: (now) => (input.checked = Boolean(now)) };
  },
  choice({ id, schema, value, changed }) {
    const input = h("select", { class: "wb-select", id, onchange: (event) => changed(JSON.parse(event.currentTarget.value)) }, plain(schema).enum.map((one) => h("option", { value: JSON.stringify(one), selected: one === value }, one === "" ? "—" : String(one))));
    return { element: input, input, set: (now) => (input.value = JSON.stringify(now)) };
  },
  line({ id, schema, value, changed }) {
    const input = h("input", { class: "wb-input", id, type: "text", value: value ?? "", maxlength: plain(schema).maxLength, oninput: (event) => changed(event.currentTarget.value) });
    return { element: input, input, set: (now) => (input.value = now ?? "") };
  },
  text({ id, value, changed }) {
    const input = h("textarea", { class: "wb-textarea", id, rows: 3, oninput: (event) => changed(event.currentTarget.value) });
    input.value = value ?? "";
    return { element: input, input, set: (now) => (input.value = now ?? "") };
  },
  json({ id, value, changed }) {
    const input = h("textarea", { class: "wb-textarea wb-mono", id, rows: 3, spellcheck: "false" });
    // Invalid JSON was published as text, so a redraw shows the same text.
    input.value = value === undefined ? "" : typeof value === "string" && !isJson(value) ? value : JSON.stringify(value);
    input.addEventListener("input", () => {
      try {
        changed(JSON.parse(input.value));
      } catch {
        changed(undefined);
      }
    });
    return { element: input, input, set: (now) => (input.value = JSON.stringify(now)) };
  },
};
