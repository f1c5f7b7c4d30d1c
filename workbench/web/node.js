// @ts-check
// The panel of one node of a job: its parameters, inputs, outputs and metrics.

import { artifact } from "./artifact.js";
import { badge, empty, fill, h, problem, seconds } from "./dom.js";
import { metricList } from "./metrics.js";
import { isErrorOf } from "./outcome.js";

/** Returns show(node, files, beside): `files` are those of the whole job, `beside` is the job if its view stands beside. Redraws only after a change. */
export function nodePanel(element) {
  /** @type {string | null} */
  let shown = null;
  return (node, all, beside = /** @type {any} */ (null)) => {
    if (!node) {
      if (shown !== "") fill(element, empty("Choose a node", "Click a node in the graph to see its inputs and outputs."));
      shown = "";
      return;
    }
    const files = all.filter((one) => one.node === node.id);
    // A video that plays here continues while other nodes run, and while this node reports progress.
    const { done, total, growing, fraction, secondsLeft, preview, parts, log, wait, startedAt, epoch, seq, series, ...lasting } = node;
    const key = JSON.stringify([lasting, files, beside?.status]);
    if (shown === key) return;
    shown = key;
    fill(element, ...contents(node, files, beside));
  };
}

function contents(node, files, beside) {
  const ours = new Set(files.map((one) => one.ref.sha256));
  const plain = Object.entries(node.output ?? {}).filter(([, value]) => !holdsFile(value, ours));
  const block = (title, content) => (content ? [h("h4", {}, title), content] : null);
  return [
    h("h3", {}, node.name ?? node.id, " ", h("span", { class: "wb-muted" }, node.service ?? "")),
    h("p", { class: "wb-muted" }, [badge(node.status), node.worker ? ` on ${node.worker}` : "", node.cached ? " · cached from an earlier run" : node.seconds ? ` · ${seconds(node.seconds)}` : "", node.cpuSeconds ? ` · ${seconds(node.cpuSeconds)} of CPU` : "", node.attempt > 1 ? ` · attempt ${node.attempt}` : ""]),
    node.error && !(beside && isErrorOf(beside, node)) ? problem(node.error) : null,
    block("Output files", gallery(files.filter((one) => one.role === "output"), beside)),
    block("Output values", plain.length ? values(plain) : null),
    block("Metrics", beside?.status === "completed" && node.service?.startsWith("evaluate.") ? null : metricList([node])),
    block("Parameters", Object.keys(node.params ?? {}).length ? values(Object.entries(node.params)) : h("p", { class: "wb-muted" }, "All have their default values.")),
    block("Input files", gallery(files.filter((one) => one.role === "input"))),
  ];
}

function holdsFile(value, shown) {
  return Boolean(value && typeof value === "object" && !Array.isArray(value) && shown.has(value.sha256));
}

/** The video of the run is not repeated where the view of the job shows it. */
function gallery(files, beside = /** @type {any} */ (null)) {
  const shown = (one) => (beside?.status === "completed" && one.ref.sha256 === beside.video?.ref.sha256 ? h("p", { class: "wb-muted" }, `${one.name}: the video of this run`) : artifact(one.ref, { title: one.name }));
  return files.length ? h("div", { class: "wb-gallery" }, files.map(shown)) : null;
}

function values(entries) {
  return h(
    "dl",
    { class: "wb-values" },
    entries.map(([name, value]) => {
      const text = value === null || value === "" ? "—" : typeof value === "string" ? value : JSON.stringify(value);
      const many = value && typeof value === "object" && text.length > 80;
      const summary = many ? `${Object.keys(value).length} values` : text.length > 400 ? `${text.slice(0, 120)}…` : "";
      return [h("dt", {}, name.replaceAll("_", " ")), h("dd", {}, summary ? h("details", {}, h("summary", {}, summary), h("pre", { class: "wb-text" }, typeof value === "string" ? value : JSON.stringify(value, null, 2))) : text)];
    }),
  );
}
