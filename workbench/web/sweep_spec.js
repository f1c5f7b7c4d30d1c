// @ts-check
// The spec of a sweep as the form changes it, and as the text that `workbench sweep` takes. No elements here.

/**
 * @typedef {Record<string, any>} Axis  schemas/sweep.py, in camelCase.
 * @typedef {Record<string, any>} Spec
 */

/** An empty spec of a pipeline. @param {string} pipeline @returns {Spec} */
export const emptySpec = (pipeline) => ({ name: "", pipeline, options: {}, params: {}, leaveOut: [], experiment: "", axes: [], method: "grid", constraints: [] });

const USUAL = { name: "", experiment: "", method: "grid", samples: null, samplingSeed: 0, atOnce: 8, with: "", scale: "linear", integer: false, label: "", pipeline: null, param: null, values: null, range: null, choices: null, seeds: null, manifest: null, steps: null };

/** The spec without what is empty or usual, so that its text is short. @param {any} value @param {string} [key] @returns {any} */
export function trimmed(value, key = "") {
  if (Array.isArray(value)) return value.map((one) => trimmed(one, key === "axes" || key === "choices" ? "item" : "list"));
  if (value === null || typeof value !== "object") return value;
  const given = key === "options" || key === "params" || key === "node"; // what a person set there counts, whatever it is
  const kept = Object.entries(value)
    .filter(([name, one]) => given || !(name in USUAL && JSON.stringify(one) === JSON.stringify(/** @type {any} */ (USUAL)[name])))
    .map(([name, one]) => [name, trimmed(one, key === "params" ? "node" : key === "options" || key === "node" ? "list" : name)])
    .filter(([, one]) => given || !isEmpty(one));
  return Object.fromEntries(kept);
}

const isEmpty = (/** @type {any} */ value) => value === undefined || (typeof value === "object" && value !== null && !Object.keys(value).length);

/** The spec as YAML. Scalars are JSON, which YAML contains, except for plain words. @param {Spec} spec */
export const yamlOf = (spec) => `${yaml(trimmed(spec), "")}\n`;

/** @param {any} value @param {string} indent @returns {string} */
function yaml(value, indent) {
  const inner = `${indent}  `;
  if (Array.isArray(value)) return value.map((one) => (isLong(one) ? `${indent}- ${yaml(one, inner).trimStart()}` : `${indent}- ${flow(one)}`)).join("\n");
  return Object.entries(value)
    .map(([name, one]) => (isLong(one) ? `${indent}${scalar(name)}:\n${yaml(one, inner)}` : `${indent}${scalar(name)}: ${flow(one)}`))
    .join("\n");
}

/** Whether a value takes lines of its own: a mapping, or a list of such. @param {any} value @returns {boolean} */
function isLong(value) {
  if (value === null || typeof value !== "object" || !Object.keys(value).length) return false;
  if (Array.isArray(value)) return value.some(isLong) || flow(value).length > 90;
  return Object.values(value).some((one) => one !== null && typeof one === "object") || flow(value).length > 60 || !("from" in value);
}

/** @param {any} value @returns {string} */
function flow(value) {
  if (Array.isArray(value)) return `[${value.map(flow).join(", ")}]`;
  if (value && typeof value === "object") return `{${Object.entries(value).map(([name, one]) => `${scalar(name)}: ${flow(one)}`).join(", ")}}`;
  return scalar(value);
}

const PLAIN = /^[A-Za-z_][\w./-]*( [\w./-]+)*$/;
const WORDS = new Set(["true", "false", "yes", "no", "on", "off", "null", "none", "y", "n"]);
const scalar = (/** @type {any} */ value) => (typeof value === "string" && PLAIN.test(value) && !WORDS.has(value.toLowerCase()) ? value : JSON.stringify(value));

/**
 * The numbers of a text such as "0, 0.5; 1". Throws the first word that is none.
 * @param {string} text
 */
export function numbersIn(text) {
  return text
    .split(/[\s,;]+/)
    .filter(Boolean)
    .map((word) => {
      const number = Number(word);
      if (Number.isNaN(number)) throw new Error(`“${word}” is not a number.`);
      return number;
    });
}

/** How many choices an axis has; null if only the server knows. @param {Axis} axis @param {string} [method] @returns {number | null} */
export function lengthOf(axis, method = "grid") {
  if (axis.values) return axis.values.length;
  if (axis.choices) return axis.choices.length;
  if (Array.isArray(axis.seeds)) return axis.seeds.length;
  if (typeof axis.seeds === "number") return axis.seeds;
  if (axis.range) return method === "grid" || method === "list" ? (axis.range.steps ?? null) : null;
  return null;
}

/** The axis that a problem names, by its index or by what it varies; -1 for none. @param {Spec} spec @param {string} where */
export function axisOf(spec, where) {
  const numbered = where.match(/axes?[.[ ]+(\d+)/);
  if (numbered) return Number(numbered[1]);
  const [, node, name] = where.match(/([\w-]+): params\.(\w+)/) ?? []; // of one of its cells
  return spec.axes.findIndex((/** @type {Axis} */ axis) => axis.param && (axis.param === `${node}.${name}` || where.endsWith(`: ${axis.param}`)));
}
