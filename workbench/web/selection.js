// @ts-check
// The selected runs of the list, and what can be done with them: compared side by side, or in MLflow.

import { ask } from "./api.js";
import { MOST_VIDEOS } from "./comparison.js";
import { button, fill, h, icon, linkButton } from "./dom.js";
import { problemsIn } from "./messages.js";

/**
 * A bar that appears when a run is selected. Returns it, the box of a run, and `keep`, which drops runs that left the list.
 * @param {string[]} [initial]  The ids that are selected at first.
 * @param {(ids: string[]) => void} [changed]  Called after every change by the user.
 */
export function selection(initial = [], changed = () => {}) {
  const wanted = new Set(initial);
  /** @type {Map<string, HTMLInputElement>} */
  const chosen = new Map();
  const messages = h("div", {});
  const show = problemsIn(messages);
  const words = h("span", { role: "status" });
  const actions = h("span", { class: "wb-actions" });
  const bar = h("div", { class: "wb-selection", hidden: true }, h("div", { class: "wb-selection-line" }, words, actions), messages);
  let asked = 0;

  async function draw() {
    const ids = [...chosen.keys()];
    bar.hidden = !ids.length;
    show(null);
    words.textContent = `${ids.length} selected`;
    const mine = ++asked;
    const clear = button("Clear", { kind: "quiet", onclick: () => [...chosen.values()].forEach((box) => box.click()) });
    const pair = ids.length >= 2 && ids.length <= MOST_VIDEOS ? linkButton("Compare side by side", `/runs?compare=${ids.join()}`, { icon: "compare" }) : null;
    const vote = ids.length >= 2 ? linkButton("Blind vote", `/vote?items=${ids.join()}`, { icon: "check" }) : null;
    fill(actions, pair, vote, clear);
    if (ids.length < 2) return;
    try {
      const { url } = await ask("GET /api/mlflow/comparison", { job: ids });
      if (mine === asked) fill(actions, pair, vote, linkButton("Compare in MLflow", url, { icon: "external", target: "_blank", rel: "noopener" }), clear);
    } catch (/** @type {any} */ error) {
      if (mine === asked && error.code !== "tracking.off") show(error);
    }
  }

  /** @param {{jobId: string, title?: string, pipeline?: string}} one */
  const box = (one) => {
    const input = h("input", {
      type: "checkbox",
      "aria-label": `Select ${one.title || one.pipeline || one.jobId}`,
      onchange: () => {
        if (input.checked) chosen.set(one.jobId, input);
        else chosen.delete(one.jobId);
        changed([...chosen.keys()]);
        draw();
      },
    });
    if (wanted.delete(one.jobId)) {
      input.checked = true;
      chosen.set(one.jobId, input);
      draw();
    }
    return h("label", { class: "wb-row-select" }, input);
  };
  /** @param {Set<string>} ids */
  const keep = (ids) => {
    const gone = [...chosen.keys()].filter((id) => !ids.has(id));
    for (const id of gone) chosen.delete(id);
    if (gone.length) draw();
  };
  return { bar, box, keep };
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
