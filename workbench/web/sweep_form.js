// @ts-check
// The form of a sweep: what stays the same, what varies, and beside it the live plan with the button that starts it.

import { ask } from "./api.js";
import { button, empty, fill, h, problem, sentence } from "./dom.js";
import { mount as mountParameters } from "./parameters.js";
import { Pipelines } from "./pipelines.js";
import { axisCard, axisWords, newAxis, variables } from "./sweep_axis.js";
import { sharedInputs } from "./sweep_inputs.js";
import { planView } from "./sweep_plan.js";
import { axisOf, emptySpec, lengthOf, trimmed, yamlOf } from "./sweep_spec.js";
import { draftOf, specOfText } from "./sweep_start.js";
import { specText } from "./sweep_view.js";

const QUIET_MS = 400;
const METHODS = [["grid", "Grid", "every combination"], ["list", "List", "the first values together, the second, …"], ["random", "Random", "combinations by chance"], ["latin", "Latin hypercube", "by chance, spread evenly over each axis"]];
let forms = 0;

/**
 * @typedef {object} Options
 * @property {import("./sweep_spec.js").Spec} spec
 * @property {any} [extends]  The sweep that it extends.
 * @property {string} [said]  What it starts from.
 * @property {string} [consentText]  The wording of the consent; with none, it is asked by name.
 * @property {string} [draftKey]
 * @property {(file: File, kind: string, told?: any) => Promise<any>} upload
 * @property {(spec: any) => void} [changed]
 * @property {(sweep: any) => void} launched
 *
 * Returns a function that removes the form.
 * @param {Element} element
 * @param {Options} options
 */
export function sweepForm(element, { spec: start, extends: before = null, said = "", consentText = "", draftKey = "", upload, changed = () => {}, launched }) {
  const scope = `wb-sweep-${(forms += 1)}`;
  let spec = { ...emptySpec(start.pipeline), ...structuredClone(start) };
  /** @type {any[]} */
  let pipelines = [];
  let ended = false;
  let asked = 0;
  let valid = false;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;
  /** @type {ReturnType<typeof axisCard>[]} */
  let cards = [];

  const base = h("div", { class: "wb-sweep-section" });
  const axes = h("div", { class: "wb-sweep-section" });
  const how = h("div", { class: "wb-sweep-section" });
  const planned = h("div", { "aria-live": "polite" });
  const messages = h("div", {});
  const asText = h("div", {});
  const consentProblem = h("p", { class: "wb-field-problem", role: "alert", hidden: true });
  const consentBox = h("input", { type: "checkbox", onchange: () => (consentProblem.hidden = true) });
  const consentName = h("input", { class: "wb-input", type: "text", placeholder: "Your name", "aria-label": "Who says that everybody in the files agreed", oninput: () => (consentProblem.hidden = true) });
  const consent = consentText ? h("label", { class: "wb-check" }, consentBox, consentText) : h("label", { class: "wb-axis-small" }, h("span", { class: "wb-muted" }, "Your name, if everybody who is seen or heard in the files agreed"), consentName);
  const go = button("Run", { icon: "play", kind: "primary", disabled: true, onclick: launch });
  const form = h(
    "div",
    { class: "wb-sweep-form" },
    h("div", { class: "wb-panel wb-sweep-entry" }, h("h2", {}, before ? `Extend “${before.name}”` : "New sweep"), h("p", { class: "wb-muted" }, before ? "Cells that exist keep their jobs; add values or axes." : said || "Choose what varies. The plan beside it is live, and nothing runs before you start it."), base, axes, how),
    h("div", { class: "wb-panel wb-stick wb-sweep-plan" }, h("h3", {}, "Plan"), planned, messages, h("div", { class: "wb-sweep-consent" }, consent, consentProblem), h("div", { class: "wb-actions" }, go), h("details", { class: "wb-sweep-spec" }, h("summary", {}, "As text"), asText)),
  );
  fill(element, form);

  const pipeline = () => pipelines.find((one) => one.name === spec.pipeline);

  ask("GET /api/pipelines")
    .then((answer) => {
      if (ended) return;
      pipelines = answer.pipelines;
      if (!pipeline()) spec.pipeline = (pipelines.find((one) => one.listed) ?? pipelines[0])?.name ?? "";
      draw();
    })
    .catch((error) => !ended && fill(planned, problem(error)));

  function draw() {
    drawBase();
    drawAxes();
    drawHow();
    touched();
  }

  // -- what stays the same -----------------------------------------------------------------------------------------------

  function drawBase() {
    const own = pipeline();
    const choice = h("select", { class: "wb-select", id: `${scope}-pipeline`, disabled: Boolean(before), onchange: () => ((spec = { ...emptySpec(choice.value), name: spec.name, experiment: spec.experiment, axes: [], options: spec.options }), draw()) }, pipelines.filter((one) => one.listed || one.name === spec.pipeline).map((one) => h("option", { value: one.name, selected: one.name === spec.pipeline }, one.title)));
    const inputs = h("div", { class: "wb-fields" });
    const parameters = h("div", {});
    fill(base, h("div", { class: "wb-sweep-top" }, h("label", { class: "wb-axis-small" }, h("span", { class: "wb-muted" }, "Pipeline"), choice), h("label", { class: "wb-axis-small wb-grows" }, h("span", { class: "wb-muted" }, "Name"), h("input", { class: "wb-input", type: "text", maxlength: 100, placeholder: "sweep", value: spec.name, disabled: Boolean(before), oninput: (/** @type {any} */ event) => ((spec.name = event.currentTarget.value.trim()), touched()) }))), before ? null : source(), h("details", { class: "wb-fold", open: !Object.keys(spec.options).length }, h("summary", {}, h("span", { class: "wb-fold-title" }, "Inputs that all cells share")), inputs), parameters);
    drawInputs(inputs);
    drawParameters(parameters, own);
  }

  function drawInputs(/** @type {Element | null} */ place = base.querySelector(".wb-fields")) {
    const varied = new Set(spec.axes.flatMap((/** @type {any} */ axis) => [axis.seeds !== undefined && axis.seeds !== null ? "seeds" : "", axis.param ?? "", ...(axis.choices ?? []).flatMap((/** @type {any} */ one) => Object.keys(one.options ?? {}))]));
    if (place) sharedInputs(place, { pipeline: pipeline(), options: spec.options, varied, scope, upload, changed: touched });
  }

  function drawParameters(/** @type {Element} */ place, /** @type {any} */ own) {
    const props = { value: /** @type {any} */ ({ pipeline: own.name, params: spec.params, leaveOut: spec.leaveOut, fill: true }) };
    mountParameters(place, {
      props,
      watch: () => {},
      pipelines: new Pipelines([own], own.name),
      scope,
      trigger: (/** @type {string} */ event) => {
        if (event !== "change" || JSON.stringify([props.value.params, props.value.leaveOut]) === JSON.stringify([spec.params, spec.leaveOut])) return;
        spec.params = structuredClone(props.value.params);
        spec.leaveOut = [...props.value.leaveOut];
        touched();
      },
    });
    const title = place.querySelector(".wb-fold-title");
    if (title) title.textContent = "Parameters that all cells share";
  }

  /** Ways to start from something else: the draft of the page Generate, or a text. */
  function source() {
    const told = h("div", { role: "status" });
    const area = h("textarea", { class: "wb-textarea wb-mono", rows: 8, spellcheck: false, placeholder: "pipeline: talking_head\naxes:\n  - param: animate.sway\n    values: [0, 0.5, 1]", "aria-label": "Spec as YAML or JSON" });
    const file = h("input", { type: "file", accept: ".yaml,.yml,.json", hidden: true, "aria-label": "Spec from a file", onchange: async () => ((area.value = (await file.files?.[0]?.text()) ?? ""), (file.value = ""), take()) });
    async function take() {
      fill(told);
      try {
        const found = await specOfText(area.value);
        if (!pipelines.some((one) => one.name === found.pipeline)) throw { message: `There is no pipeline ${found.pipeline}`, details: { allowed: pipelines.map((one) => one.name) } };
        spec = { ...emptySpec(found.pipeline), ...found };
        draw();
      } catch (error) {
        fill(told, problem(error, { compact: true }));
      }
    }
    const draft = draftOf(draftKey, pipelines);
    const useDraft = draft && JSON.stringify(trimmed(draft)) !== JSON.stringify(trimmed({ ...spec, axes: [], name: "" }));
    return h("details", { class: "wb-fold wb-sweep-source" }, h("summary", {}, h("span", { class: "wb-fold-title" }, "Start from a text or a draft")), h("div", { class: "wb-sweep-paste" }, area, h("div", { class: "wb-actions" }, button("Use this text", { onclick: take }), button("Load a file", { kind: "quiet", onclick: () => file.click() }), useDraft ? button("Use my draft of Generate", { kind: "quiet", onclick: () => ((spec = { ...draft, name: spec.name }), draw()) }) : null, file), told));
  }

  // -- what varies ---------------------------------------------------------------------------------------------------------

  function drawAxes() {
    const own = pipeline();
    cards = spec.axes.map((/** @type {any} */ axis) =>
      axisCard({
        axis,
        pipeline: own,
        pipelines,
        scope: `${scope}-axis-${spec.axes.indexOf(axis)}`,
        upload,
        method: () => spec.method,
        others: spec.axes.filter((/** @type {any} */ other) => other !== axis && !other.with && nameOf(other)).map((/** @type {any} */ other) => ({ name: nameOf(other), words: axisWords(other, own) })),
        changed: touched,
        remove: () => {
          spec.axes = spec.axes.filter((/** @type {any} */ other) => other !== axis);
          for (const other of spec.axes) if (other.with === nameOf(axis)) other.with = "";
          drawAxes();
          drawInputs();
          touched();
          add.focus();
        },
      }),
    );
    const add = h(
      "select",
      {
        class: "wb-select wb-axis-add",
        "aria-label": "Add what varies",
        onchange: () => {
          if (!add.value) return;
          spec.axes.push(newAxis(add.value, own));
          drawAxes();
          drawInputs();
          touched();
          /** @type {HTMLElement | null | undefined} */ (cards.at(-1)?.element.querySelector(".wb-axis-body :is(input:not([hidden]), textarea, button)"))?.focus();
        },
      },
      h("option", { value: "" }, spec.axes.length ? "Add another axis…" : "Add what varies…"),
      variables(own).map(([group, list]) => h("optgroup", { label: group }, list.map(([value, words]) => h("option", { value, disabled: spec.axes.some((/** @type {any} */ axis) => sameAs(axis, value)) }, words)))),
    );
    fill(axes, h("h3", {}, "What varies"), cards.length ? h("div", { class: "wb-axes" }, cards.map((card) => card.element)) : h("p", { class: "wb-muted" }, "Nothing yet: a sweep needs one axis at least."), add);
  }

  const nameOf = (/** @type {any} */ axis) => axis.name || axis.param || (axis.seeds ? "seed" : "");
  const sameAs = (/** @type {any} */ axis, /** @type {string} */ what) => (what === "seeds" ? axis.seeds !== undefined && axis.seeds !== null : axis.param ? what.split(" ")[1] === axis.param : false);

  // -- how -------------------------------------------------------------------------------------------------------------------

  function drawHow() {
    const sampled = spec.method === "random" || spec.method === "latin";
    const doc = METHODS.find(([name]) => name === spec.method)?.[2] ?? "";
    const number = (/** @type {string} */ words, /** @type {string} */ name, /** @type {any} */ usual, /** @type {any} */ more) => h("label", { class: "wb-axis-small" }, h("span", { class: "wb-muted" }, words), h("input", { class: "wb-input", type: "number", value: spec[name] ?? usual, step: 1, ...more, oninput: (/** @type {any} */ event) => ((spec[name] = event.currentTarget.value === "" ? null : Number(event.currentTarget.value)), touched()) }));
    const constraints = h("textarea", { class: "wb-textarea wb-mono", rows: 2, spellcheck: false, id: `${scope}-constraints`, placeholder: "animate.sway <= animate.nod", oninput: () => ((spec.constraints = constraints.value.split("\n").map((one) => one.trim()).filter(Boolean)), touched()) });
    constraints.value = (spec.constraints ?? []).join("\n");
    fill(
      how,
      h("h3", {}, "How"),
      h(
        "div",
        { class: "wb-axis-numbers" },
        h("label", { class: "wb-axis-small" }, h("span", { class: "wb-muted" }, "Combinations"), h("select", { class: "wb-select", disabled: Boolean(before), onchange: (event) => {
          spec.method = event.currentTarget.value;
          if (spec.method === "random" || spec.method === "latin") spec.samples ??= 12;
          else spec.samples = null;
          drawHow();
          for (const card of cards) card.tell();
          touched();
          /** @type {HTMLElement | null} */ (how.querySelector("select"))?.focus();
        } }, METHODS.map(([name, words]) => h("option", { value: name, selected: name === spec.method }, words)))),
        sampled ? number("Samples", "samples", 12, { min: 1 }) : null,
        sampled ? number("Seed of the sampling", "samplingSeed", 0, { min: 0 }) : null,
        number("Jobs at a time", "atOnce", 8, { min: 1, max: 200 }),
        h("label", { class: "wb-axis-small" }, h("span", { class: "wb-muted" }, "Experiment"), h("input", { class: "wb-input", type: "text", maxlength: 200, placeholder: "as its name", value: spec.experiment ?? "", disabled: Boolean(before), oninput: (/** @type {any} */ event) => ((spec.experiment = event.currentTarget.value.trim()), touched()) })),
      ),
      h("p", { class: "wb-field-help" }, sentence(doc)),
      h("div", { class: "wb-field", "data-field": "constraints", "data-kind": "text" }, h("div", { class: "wb-field-head" }, h("label", { for: `${scope}-constraints` }, "Constraints", h("span", { class: "wb-muted" }, " optional"))), constraints, h("p", { class: "wb-field-help" }, "One condition per line; combinations that break one are left out."), h("p", { class: "wb-field-problem", role: "alert", hidden: true })),
    );
  }

  // -- the plan --------------------------------------------------------------------------------------------------------------

  function touched() {
    changed(trimmed(spec));
    fill(asText, specText(() => yamlOf(spec)));
    clearTimeout(timer);
    clearProblems();
    valid = false;
    go.disabled = true;
    planned.dataset.state = "waiting";
    timer = setTimeout(plan, QUIET_MS);
  }

  async function plan() {
    const mine = ++asked;
    if (!spec.axes.length) {
      planned.dataset.state = "";
      go.lastChild?.replaceWith("Run");
      return void fill(planned, empty("Nothing varies yet", "Add an axis on the left: seeds, a parameter, portraits."));
    }
    const open = cards.find((card) => lengthOf(card.axis, spec.method) === 0 || card.axis.manifest === "");
    if (open) {
      planned.dataset.state = "";
      go.lastChild?.replaceWith("Run");
      return void fill(planned, empty(`“${open.element.getAttribute("aria-label")}” has no values yet`, "The plan appears when each axis has one at least."));
    }
    const typed = cards.find((card) => card.wrong());
    if (typed) {
      planned.dataset.state = "";
      go.lastChild?.replaceWith("Run");
      fill(planned);
      return void refusedAt(typed);
    }
    try {
      const found = await ask("POST /api/sweeps/plan", trimmed(spec));
      if (ended || mine !== asked) return;
      valid = true;
      planned.dataset.state = "";
      fill(planned, planView(found, before));
      const count = before ? Math.max(0, found.cells - before.cells) : found.cells;
      go.lastChild?.replaceWith(before ? (count ? `Add ${count} ${count === 1 ? "cell" : "cells"}` : "Nothing to add") : `Run ${count} ${count === 1 ? "job" : "jobs"}`);
      go.disabled = !count;
    } catch (error) {
      if (ended || mine !== asked) return;
      planned.dataset.state = "";
      fill(planned);
      go.lastChild?.replaceWith("Run");
      refused(error);
    }
  }

  function clearProblems() {
    fill(messages);
    for (const card of cards) card.say("");
    for (const one of /** @type {NodeListOf<HTMLElement>} */ (form.querySelectorAll(".wb-field[data-field] > .wb-field-problem"))) one.hidden = true;
    for (const one of form.querySelectorAll(".wb-axis[data-invalid]")) one.removeAttribute("data-invalid");
  }

  const short = (/** @type {string} */ text) => void fill(messages, h("p", { class: "wb-muted wb-plan-refused" }, text));

  function refusedAt(/** @type {ReturnType<typeof axisCard>} */ card) {
    card.element.setAttribute("data-invalid", "");
    short(`“${card.element.getAttribute("aria-label")}” needs a change.`);
  }

  /** Show a refusal at the field that it names, else beside the button. */
  function refused(/** @type {any} */ error) {
    const where = String(error.details?.where ?? "");
    const words = [sentence(error.message ?? "It was refused"), error.details?.remedy ?? ""].filter(Boolean).join(" ");
    if (String(error.code).startsWith("consent.")) {
      consentProblem.textContent = words;
      consentProblem.hidden = false;
      (consentText ? consentBox : consentName).focus();
      return;
    }
    const card = cards[axisOf(spec, where)];
    if (card) {
      card.say(words);
      return refusedAt(card);
    }
    const name = /constraint/.test(where) ? "constraints" : where.slice(where.lastIndexOf(": ") + 1).trim();
    const field = [.../** @type {NodeListOf<HTMLElement>} */ (form.querySelectorAll(".wb-field[data-field]"))].find((one) => plain(one.dataset.field) === plain(name) || name.split(/[\s,]+/).some((word) => plain(word) === plain(one.dataset.field)));
    const place = /** @type {HTMLElement | null | undefined} */ (field?.querySelector(":scope > .wb-field-problem"));
    if (!field || !place) return void fill(messages, problem(error, { compact: true }));
    place.textContent = words;
    place.hidden = false;
    const fold = field.closest("details");
    if (fold) fold.open = true;
    return short(`“${field.querySelector("label")?.firstChild?.textContent ?? name}” needs a change.`);
  }

  async function launch() {
    if (!valid) return;
    go.disabled = true;
    clearProblems();
    const name = consentName.value.trim();
    const given = consentText ? (consentBox.checked ? { given: true, text: consentText } : null) : name ? { given: true, name } : null;
    try {
      const sweep = before ? await ask("POST /api/sweeps/{sweep}/extend", { sweep: before.id, ...trimmed(spec) }) : await ask("POST /api/sweeps", { spec: trimmed(spec), consent: given });
      if (!ended) launched(sweep);
    } catch (error) {
      if (ended) return;
      go.disabled = false;
      refused(error);
    }
  }

  return () => {
    ended = true;
    clearTimeout(timer);
    element.replaceChildren();
  };
}

const plain = (/** @type {string | undefined} */ name) => (name ?? "").replaceAll("_", "").toLowerCase();
