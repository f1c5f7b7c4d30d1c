// @ts-check
// The selected runs of the list: single ones, ranges, a whole page, or all that match. What can be done with them is in
// `runs_actions.js`.

import { ask } from "./api.js";
import { h, icon } from "./dom.js";

/**
 * @param {string[]} initial  The ids that are selected at first.
 * @param {(ids: string[]) => void} changed  Called after every change, also by the program.
 */
export function selection(initial, changed) {
  const chosen = new Set(initial);
  /** @type {Map<string, HTMLInputElement>} */
  const boxes = new Map();
  /** @type {string[]} */
  let page = []; // ids in the order of the rows
  let anchor = ""; // where a range begins

  const pageBox = h("input", { type: "checkbox", "aria-label": "Select all runs on this page", onchange: () => set(page, pageBox.checked) });

  function set(/** @type {string[]} */ ids, on = true) {
    for (const id of ids) {
      if (on) chosen.add(id);
      else chosen.delete(id);
    }
    draw();
    changed([...chosen]);
  }

  function draw() {
    for (const [id, input] of boxes) input.checked = chosen.has(id);
    const here = page.filter((id) => chosen.has(id)).length;
    pageBox.checked = page.length > 0 && here === page.length;
    pageBox.indeterminate = here > 0 && here < page.length;
    pageBox.disabled = !page.length;
  }

  /** Select or clear a run; with a range, all between the last one and this one. */
  function pick(/** @type {string} */ id, { on = !chosen.has(id), range = false } = {}) {
    const [from, to] = [page.indexOf(anchor), page.indexOf(id)];
    const ids = range && from >= 0 && to >= 0 ? page.slice(Math.min(from, to), Math.max(from, to) + 1) : [id];
    anchor = id;
    set(ids, on);
  }

  /** @param {{jobId: string, title?: string, pipeline?: string}} one */
  function box(one) {
    const input = h("input", {
      type: "checkbox",
      "aria-label": `Select ${one.title || one.pipeline || one.jobId}`,
      checked: chosen.has(one.jobId),
      onclick: (/** @type {MouseEvent} */ event) => pick(one.jobId, { on: input.checked, range: event.shiftKey }),
    });
    boxes.set(one.jobId, input);
    // Shift and a click would select text between the two clicks.
    return h("label", { class: "wb-row-select", onmousedown: (event) => event.shiftKey && event.preventDefault() }, input);
  }

  /** The rows that are shown now. */
  function rows(/** @type {string[]} */ ids) {
    page = ids;
    const here = new Set(ids);
    for (const id of boxes.keys()) if (!here.has(id)) boxes.delete(id);
    draw();
  }

  return { box, pageBox, pick, rows, set, clear: () => set([...chosen], false), page: () => page, ids: () => [...chosen], has: (/** @type {string} */ id) => chosen.has(id) };
}

/**
 * A link to MLflow's table of the runs of an experiment, hidden until MLflow has it. Returns the element and `set`.
 */
export function experimentLink() {
  const element = h("a", { class: "wb-quiet-link", target: "_blank", rel: "noopener", hidden: true }, icon("external"), "Runs table in MLflow");
  let asked = 0;
  /** @param {string} name */
  const set = async (name) => {
    const mine = ++asked;
    element.hidden = true;
    if (!name) return;
    const { url } = await ask("GET /api/mlflow/experiment", { name }).catch(() => ({ url: null })); // MLflow is not available
    if (mine !== asked || !url) return;
    element.setAttribute("href", url);
    element.hidden = false;
  };
  return { element, set };
}
