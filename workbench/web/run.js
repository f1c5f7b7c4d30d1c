// @ts-check
// The details of a run: its graph, its video, the parameters, inputs and outputs of every node, its events and its lineage.

import { ask } from "./api.js";
import { askDeletion } from "./deletion.js";
import { badge, button, fill, h, linkButton, seconds, when } from "./dom.js";
import { askErasure } from "./erase.js";
import { showGone } from "./gone.js";
import { shortId, shortIds } from "./ids.js";
import { follow, isFinal, nodesOf } from "./job.js";
import { jobGraph } from "./job_graph.js";
import { attempt } from "./messages.js";
import { monitor } from "./monitor.js";

/**
 * Show a run with the selected `node`. Calls `select(node)` when the user selects one. Returns `select` and `end`, which removes it.
 * @param {HTMLElement} element
 * @param {{jobId: string, node?: string | null, select?: (node: string) => void, gone?: () => void}} options
 */
export function run(element, { jobId, node = null, select = () => {}, gone = () => {} }) {
  const graph = jobGraph(jobId, node, (id) => {
    select(id);
    return id;
  }, true);
  graph.panel.classList.add("wb-panel-inner");
  const parts = {
    head: h("header", { class: "wb-run-head" }),
    actionMessages: h("div", {}), // confirmations and errors of actions
    monitor: h("div", {}),
    lineage: h("section", {}),
    events: h("section", {}),
  };
  fill(
    element,
    h("div", { class: "wb-run" }, parts.head, parts.actionMessages, graph.frame, h("div", { class: "wb-run-columns" }, h("div", {}, parts.monitor), h("div", {}, graph.panel)), parts.lineage, parts.events),
  );
  const view = { jobId, parts, gone, graph };
  const stopMonitor = monitor(parts.monitor, { jobId, links: false, part: true });
  const stop = follow(jobId, (job) => {
    if (!job.gone) return draw(view, job);
    stopMonitor();
    return showGone(element, job.record?.title || job.record?.pipeline || "");
  });
  drawLineage(view);
  return {
    /** Select a node. @param {string | null} id */
    select(id) {
      graph.chosen = id;
      if (view.job) draw(view, view.job);
    },
    end() {
      stop();
      stopMonitor();
      element.replaceChildren();
    },
  };
}

function draw(view, job) {
  const record = job.record;
  if (!record) return;
  view.job = job;
  drawHead(view, job);
  const nodes = nodesOf(job);
  view.graph.chosen ??= (nodes.find((one) => one.status === "failed") ?? nodes.at(-1))?.id ?? null;
  view.graph.update(job);
  drawEvents(view, job);
}

function drawHead(view, job) {
  const record = job.record;
  const key = `${job.status} ${record.status} ${record.mlflowRun ?? ""} ${job.firstFrameSeconds}`;
  if (view.headAt === key) return;
  view.headAt = key;
  const again = async () => window.location.assign(`/runs?job=${(await ask("POST /api/jobs/{job_id}/rerun", { job_id: view.jobId })).jobId}`);
  const fact = (label, value) => (value ? [h("dt", {}, label), h("dd", {}, value)] : null);
  fill(
    view.parts.head,
    h("div", { class: "wb-run-title" }, h("h2", {}, record.title || record.pipeline || "A graph"), badge(job.status)),
    h(
      "dl",
      { class: "wb-facts" },
      fact("pipeline", record.pipeline),
      fact("experiment", record.experiment),
      fact("seed", String(record.seed ?? 0)),
      fact("by", record.owner),
      fact("consent", consentIn(record)),
      fact("accepted", when(record.created)),
      fact("computing", seconds(record.computeSeconds)),
      fact("waiting", seconds(record.waitingSeconds)),
      fact("first frame", seconds(job.firstFrameSeconds)),
      fact("repeats", record.parent ? h("a", { href: `/runs?job=${record.parent}` }, shortId(record.parent, shortIds([record.parent, record.jobId]))) : ""),
      fact("id", h("code", {}, record.jobId)),
    ),
    h(
      "div",
      { class: "wb-actions" },
      record.options ? linkButton("Run again with changes", `/?from=${view.jobId}`, { icon: "edit" }) : null,
      record.options ? linkButton("Sweep further", `/sweeps?from=${view.jobId}`, { icon: "compare" }) : null,
      isFinal(job.status) ? button("Run again", { icon: "again", onclick: (event) => attempt(event.currentTarget, view.parts.actionMessages, again) }) : null,
      isFinal(job.status) ? linkButton("Export bundle", `/api/jobs/${view.jobId}/bundle`, { icon: "download", download: "" }) : null,
      isFinal(job.status) && record.mayChange
        ? button("Delete", {
            icon: "trash",
            kind: "quiet danger",
            "data-action": "delete",
            onclick: () => askDeletion(view.parts.actionMessages, view.jobId, { deleted: view.gone, kept: () => view.parts.head.querySelector('[data-action="delete"]')?.focus() }),
          })
        : null,
      record.mayChange ? button("Erase…", { kind: "quiet danger", onclick: () => askErasure({ job: view.jobId }, "this job", { erased: view.gone }) }) : null,
    ),
  );
}

/** Who said that the people in the job's files agreed, and when; empty without a consent. */
function consentIn({ lastGraph }) {
  const consent = /** @type {any} */ (lastGraph?.metadata?.consent);
  return consent?.given ? h("span", { title: consent.text }, `${consent.by}, `, when(consent.at)) : "";
}

async function drawLineage(view) {
  try {
    const lineage = await ask("GET /api/jobs/{job_id}/lineage", { job_id: view.jobId });
    const length = shortIds([view.jobId, ...lineage.from.map((one) => one.job), ...lineage.usedBy.map((one) => one.job), ...lineage.children]);
    const from = lineage.from.map((one) => h("li", {}, `${one.node}.${one.name} was made by `, h("a", { href: `/runs?job=${one.job}&node=${one.madeBy}` }, `${one.madeBy} of `, shortId(one.job, length))));
    const used = lineage.usedBy.map((one) => h("li", {}, h("a", { href: `/runs?job=${one.job}&node=${one.node}` }, shortId(one.job, length)), ` uses it as ${one.node}.${one.name}`));
    const again = lineage.children.map((job) => h("li", {}, h("a", { href: `/runs?job=${job}` }, shortId(job, length)), " repeats it"));
    if (!from.length && !used.length && !again.length) return;
    fill(view.parts.lineage, h("h3", {}, "Lineage"), h("ul", { class: "wb-events" }, from, used, again));
  } catch {
    fill(view.parts.lineage); // show the rest of the run without it
  }
}

/** Draws the list only while it is open, and only after new events. */
function drawEvents(view, job) {
  if (!view.events) {
    const title = h("h3", {});
    const list = h("ol", { class: "wb-events" });
    const fold = h("details", { ontoggle: () => drawEvents(view, view.job) }, h("summary", {}, title), list);
    view.events = { title, list, fold, shown: 0 };
    fill(view.parts.events, fold);
  }
  const { title, list, fold } = view.events;
  title.textContent = `Events (${job.events.length})`;
  if (!fold.open || view.events.shown === job.events.length) return;
  view.events.shown = job.events.length;
  fill(list, [...job.events].reverse().map((event) => h("li", {}, when(event.at), h("code", {}, `${event.epoch}-${event.seq}`), ` ${event.type} ${event.node}`)));
}
