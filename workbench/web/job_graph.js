// @ts-check
// The graph of a job with the states of its nodes, and a panel with the inputs and outputs of the chosen node.

import { artifactsOf } from "./artifact.js";
import { fill, h } from "./dom.js";
import { graphView } from "./graph.js";
import { follow, nodesOf } from "./job.js";
import { problemsIn } from "./messages.js";
import { nodePanel } from "./node.js";
import { videoOf } from "./outcome.js";

/**
 * Both elements, for the caller to place, and `update(job)`.
 *
 * @param {string} jobId
 * @param {string | null} node  The chosen node.
 * @param {(node: string) => string | null} choose  Returns the node to choose after a click on the given one.
 * @param {boolean} beside  Whether the view of the job stands beside it, so that the panel leaves out what that shows.
 */
export function jobGraph(jobId, node, choose, beside = false) {
  const frame = h("div", { class: "wb-graph-frame" });
  const panel = h("section", { "aria-label": "Node" });
  const showNode = nodePanel(panel);
  /** @type {ReturnType<typeof graphView> | null} */
  let drawing = null;
  /** @type {import("./job.js").Job | null} */
  let job = null;
  /** @type {any[]} */
  let files = [];
  let filesAt = "";

  const draw = () => {
    if (!job) return;
    drawing?.update(nodesOf(job), node);
    const video = beside && videoOf(job, files.filter((one) => one.role === "output"));
    showNode(node === null ? null : job.nodes.get(node), files, beside ? { ...job, video } : null);
  };
  return {
    frame,
    panel,
    get chosen() {
      return node;
    },
    set chosen(other) {
      node = other;
    },
    /** @param {import("./job.js").Job} now */
    update(now) {
      job = now;
      const nodes = nodesOf(now);
      if (!drawing) {
        drawing = graphView(nodes, now.record?.lastGraph.edges ?? [], now.record?.streams ?? [], (id) => {
          node = choose(id);
          draw();
        });
        fill(frame, drawing.element, drawing.legend);
      }
      draw();
      const state = nodes.map((one) => one.status).join();
      if (state === filesAt) return;
      filesAt = state;
      artifactsOf(jobId)
        .then((found) => {
          files = found;
          draw();
        })
        .catch(() => (filesAt = "")); // the next change tries again
    },
  };
}

/**
 * Draws the graph with the panel below it, live. Returns a function that removes them.
 * @param {HTMLElement} element
 * @param {{jobId: string, node?: string | null}} options
 */
export function graph(element, { jobId, node = null }) {
  const messages = h("div", {});
  const view = jobGraph(jobId, node, (id) => (view.chosen === id ? null : id));
  view.panel.classList.add("wb-notebook-node");
  fill(element, h("div", { class: "wb-run" }, messages, view.frame, view.panel));
  const show = problemsIn(messages);
  const stop = follow(jobId, (job) => {
    show(job.problem);
    if (job.record) view.update(job);
  });
  return () => {
    stop();
    element.replaceChildren();
  };
}
