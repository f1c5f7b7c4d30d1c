// The graph of a job with the states of its nodes; the chosen one with its in- and outputs.

import { artifactsOf } from "./artifact.js";
import { fill, h, problem } from "./dom.js";
import { graphView } from "./graph.js";
import { follow, nodesOf } from "./job.js";
import { nodePanel } from "./node.js";

/** Options: {jobId, node}. Returns a function that ends it. */
export function graph(element, { jobId, node = null }) {
  const said = h("div", {});
  const frame = h("div", { class: "wb-graph-frame" });
  const panel = h("section", { class: "wb-notebook-node", "aria-label": "Node" });
  fill(element, h("div", { class: "wb-run" }, said, frame, panel));
  const showNode = nodePanel(panel);
  let drawing = null;
  let chosen = node;
  let files = [];
  let filesAt = "";
  let told = "";

  const stop = follow(jobId, (job) => {
    const problemNow = job.problem ? `${job.problem.code} ${job.problem.message}` : "";
    if (told !== problemNow) fill(said, job.problem ? problem(job.problem) : null);
    told = problemNow;
    if (!job.record) return;
    const nodes = nodesOf(job);
    const draw = () => {
      drawing.update(nodesOf(job), chosen);
      showNode(job.nodes.get(chosen), files);
    };
    if (!drawing) {
      drawing = graphView(nodes, job.record.lastGraph?.edges ?? [], (id) => {
        chosen = chosen === id ? null : id;
        draw();
      });
      fill(frame, drawing.element);
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
      .catch(() => (filesAt = "")); // asked for again with the next change
  });
  return () => {
    stop();
    element.replaceChildren();
  };
}
