// @ts-check
// The inputs that all cells of a sweep share, as fields.

import { fill, h } from "./dom.js";
import { fileChip, fileChooser } from "./sweep_files.js";

export const FILES = new Set(["image", "audio", "video", "file"]);

/**
 * Draw the fields. `options` is changed in place; `changed()` is called after it.
 * @param {Element} element
 * @param {{pipeline: any, options: Record<string, any>, varied: Set<string>, scope: string, upload: any, changed: () => void}} given  `varied`: inputs that an axis sets.
 */
export function sharedInputs(element, { pipeline, options, varied, scope, upload, changed }) {
  const set = (/** @type {string} */ name, /** @type {any} */ value) => {
    if (value === "" || value === null || value === undefined || Number.isNaN(value)) delete options[name];
    else options[name] = value;
    changed();
  };
  const seed = { name: "seed", title: "Seed", doc: "Equal seeds give equal results.", kind: "integer", minimum: 0, default: 0, use: "optional" };
  fill(
    element,
    [...pipeline.inputs, seed].map((input) => {
      const id = `${scope}-${input.name}`;
      const varies = varied.has(input.name) || (input.name === "seed" && varied.has("seeds"));
      const optional = input.use === "optional" && input.kind !== "switch" ? h("span", { class: "wb-muted" }, " optional") : input.use === "one_of" ? h("span", { class: "wb-muted" }, ` one of ${input.groupTitle ? `“${input.groupTitle}”` : "these"}`) : null;
      return h(
        "div",
        { class: "wb-field", "data-field": input.name, "data-kind": input.multiline ? "text" : input.kind },
        h("div", { class: "wb-field-head" }, h("label", { for: id }, input.title, optional)),
        varies ? h("p", { class: "wb-muted wb-varied" }, "varies, see below") : FILES.has(input.kind) ? file(input, id) : control(input, id, options[input.name] ?? input.default ?? "", (value) => set(input.name, value)),
        h("p", { class: "wb-field-problem", role: "alert", hidden: true }),
      );
    }),
  );

  function file(/** @type {any} */ input, /** @type {string} */ id) {
    const place = h("div", { id });
    const draw = () => {
      const value = options[input.name];
      const take = (/** @type {any} */ now) => {
        set(input.name, now);
        draw();
      };
      fill(place, value ? fileChip(input, value, "", () => take(null)) : fileChooser({ input, several: false, upload, take }));
    };
    draw();
    return place;
  }
}

/** One control for a value of an input. @param {any} input @param {string} id @param {any} value @param {(value: any) => void} changed */
export function control(input, id, value, changed) {
  if (input.kind === "switch") return h("label", { class: "wb-switch" }, h("input", { id, type: "checkbox", checked: Boolean(value), onchange: (event) => changed(event.currentTarget.checked || null) }));
  if (input.kind === "choice") return h("select", { class: "wb-select", id, onchange: (event) => changed(event.currentTarget.value) }, input.choices.map((/** @type {string} */ one) => h("option", { value: one, selected: one === value }, one)));
  if (input.kind === "number" || input.kind === "integer") return h("input", { class: "wb-input", id, type: "number", min: input.minimum ?? null, max: input.maximum ?? null, step: input.kind === "integer" ? "1" : "any", value: String(value), oninput: (event) => changed(event.currentTarget.value === "" ? null : Number(event.currentTarget.value)) });
  const text = h(input.multiline ? "textarea" : "input", { class: input.multiline ? "wb-textarea" : "wb-input", id, ...(input.multiline ? { rows: 3 } : { type: "text" }), placeholder: input.example || null, maxlength: input.maxLength ?? null, oninput: (/** @type {any} */ event) => changed(event.currentTarget.value) });
  text.value = String(value);
  return text;
}
