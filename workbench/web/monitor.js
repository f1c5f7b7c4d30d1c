// @ts-check
// The view of a running or finished job: the stage with its image or video, a line per node, and the available actions.

import { ask, embedded, pageUrl } from "./api.js";
import { approval } from "./approval.js";
import { artifactsOf, setDownloadUrl } from "./artifact.js";
import { curvesOf } from "./curve.js";
import { badge, button, empty, fill, firstFrame, h, icon, linkButton, problem, seconds, sentence, times, when } from "./dom.js";
import { follow, isFinal, nodesOf, openQuestion } from "./job.js";
import { showGone, waysBack } from "./gone.js";
import { blockersNote, blockersOf } from "./blockers.js";
import { attempt, problemsIn } from "./messages.js";
import { showTraining } from "./loras.js";
import { metricList } from "./metrics.js";
import { isErrorOf } from "./outcome.js";
import { pipelines } from "./pipelines.js";
import { createStage } from "./stage.js";
import { leaveTitle, tellInTitle } from "./title.js";
import { jobWarnings } from "./warnings.js";

/**
 * Show one job. Options: {jobId, unserved: services without a worker at the submit, links: whether to show links to the run
 * and to a repeat of it, part: whether a page around it shows the status and the files, go: shows another job in this place}. Returns a function that removes the view.
 * @param {HTMLElement} element
 * @param {{jobId: string, unserved?: string[], links?: boolean, part?: boolean, go?: ((jobId: string, unserved: string[]) => void) | null}} options
 */
export function monitor(element, { jobId, unserved = [], links = true, part = false, go = null }) {
  const parts = {
    stage: h("div", { class: "wb-stage" }),
    head: h("div", { class: "wb-monitor-head" }),
    trouble: h("div", {}), // separate, because it is temporary and must not redraw the parts below
    blockers: h("div", {}),
    warnings: h("div", {}),
    notice: h("div", { "aria-live": "polite" }),
    actionMessages: h("div", {}), // errors of actions, which must not replace a question above
    lines: h("ol", { class: "wb-lines", "aria-label": "Steps" }),
    after: h("div", { class: "wb-after" }),
  };
  const side = h("div", { class: "wb-monitor-side" }, parts.head, parts.trouble, parts.blockers, parts.warnings, parts.notice, parts.actionMessages, parts.lines);
  fill(element, h("section", { class: "wb-monitor", "aria-label": `Job ${jobId}` }, h("div", { class: "wb-monitor-main" }, parts.stage, side), parts.after));
  const view = { element, jobId, unserved, links, part, parts, lines: new Map(), stage: createStage(parts.stage, jobId), finalShown: false, asked: null, go, showProblem: problemsIn(parts.trouble) };
  const stop = follow(jobId, (job) => draw(view, job));
  const offered = () => view.job && drawBlockers(view, view.job);
  pipelines.addEventListener("change", offered);
  return () => {
    stop();
    pipelines.removeEventListener("change", offered);
    leaveTitle();
    view.stage.end();
    element.replaceChildren();
  };
}

function draw(view, job) {
  if (job.gone) {
    view.stage.end();
    if (view.links) showGone(view.element, job.record?.title || job.record?.pipeline || ""); // otherwise the page around it says so
    return;
  }
  view.job = job;
  tellInTitle(job);
  drawBlockers(view, job);
  drawHead(view, job);
  view.showProblem(job.problem);
  if (job.problem?.status === 404) fill(view.parts.after, view.links ? waysBack() : null);
  drawWarnings(view, job);
  drawNotice(view, job);
  for (const [index, node] of nodesOf(job).entries()) {
    let line = view.lines.get(node.id);
    if (!line) {
      line = createLine(node);
      view.lines.set(node.id, line);
      view.parts.lines.insertBefore(line.element, view.parts.lines.children[index] ?? null);
    }
    line.update(node, job);
  }
  view.stage.update(job);
  if (isFinal(job.status) && job.record && isFinal(job.record.status)) drawAfter(view, job);
}

// -- the line on top: status, time left, cancel -----------------------------------------------------------------------

function drawHead(view, job) {
  if (!view.head) {
    view.head = {
      status: h("span", { role: "status" }),
      words: h("span", { class: "wb-muted" }),
      bar: h("progress", { class: "wb-bar wb-bar-total", max: 1, value: 0, "aria-label": "Progress of the job" }),
      actions: h("span", { class: "wb-actions" }),
    };
    const { status, words, bar, actions } = view.head;
    fill(view.parts.head, h("div", { class: "wb-monitor-title" }, status, words, actions), bar);
  }
  const { status, words, bar, actions } = view.head;
  const unknown = job.problem?.status === 404;
  view.parts.head.hidden = unknown;
  if (status.dataset.now !== job.status) {
    status.dataset.now = job.status;
    fill(status, view.part ? null : badge(job.status));
    fill(actions, isFinal(job.status) ? null : cancelButton(view));
  }
  bar.value = job.status === "completed" ? 1 : (job.progress ?? 0);
  bar.hidden = isFinal(job.status);
  fill(words, ...(view.part && isFinal(job.status) ? [] : headWords(job, view.blocked)));
}

function headWords(job, blocked) {
  if (isFinal(job.status)) {
    return [times({ ...job.record, firstFrameSeconds: job.firstFrameSeconds })];
  }
  if (!job.connected) return ["not connected; the job continues"];
  if (job.busAway) return ["the bus is unreachable; the job continues when it is back"];
  if (blocked) return ["waiting"]; // the note below names the reason and the remedy
  if (openQuestion(job)) return ["waiting for you"];
  if (job.status === "queued" || job.status === "advertised") return [job.waiting ? sentence(job.waiting) : "waiting for a free worker"];
  const percent = `${Math.round((job.progress ?? 0) * 100)} %`;
  return [[percent, job.secondsLeft ? `about ${seconds(job.secondsLeft)} left` : "", firstFrame(job.firstFrameSeconds)].filter(Boolean).join(" · ")];
}

function cancelButton(view) {
  return button("Cancel", {
    icon: "stop",
    kind: "quiet",
    onclick: (event) => attempt(event.currentTarget, view.parts.actionMessages, () => ask("POST /api/jobs/{job_id}/cancel", { job_id: view.jobId }), { compact: true }),
  });
}

// -- notices: errors and questions ------------------------------------------------------------------------------------

function drawBlockers(view, job) {
  const blockers = blockersOf(job, view.unserved);
  const key = JSON.stringify(blockers);
  if (view.blockers === key) return;
  view.blockers = key;
  view.blocked = Boolean(blockers);
  fill(view.parts.blockers, blockersNote(blockers));
}

function drawWarnings(view, job) {
  const key = JSON.stringify(job.record?.warnings ?? []);
  if (view.warnings === key) return;
  view.warnings = key;
  fill(view.parts.warnings, jobWarnings(job));
}

/** Which step the error below comes from. */
function failedIn(job) {
  const node = nodesOf(job).find((one) => isErrorOf(job, one));
  return node ? h("h3", { class: "wb-failed-in" }, `${node.name ?? node.id} failed`) : null;
}

function drawNotice(view, job) {
  const waiting = openQuestion(job);
  const key = waiting ? `approve ${waiting.node}` : job.status === "failed" && job.error ? "failed" : "";
  if (view.asked === key) return;
  view.asked = key;
  const unsent = view.question?.unsent() ?? "";
  view.question = waiting ? approval(view.jobId, waiting) : null;
  const kept = unsent ? [h("p", { class: "wb-muted" }, "The question was answered elsewhere. Your unsent text:"), h("pre", { class: "wb-text" }, unsent)] : null;
  fill(view.parts.notice, view.question?.element, key === "failed" ? [failedIn(job), problem(job.error)] : null, kept);
}

// -- a line per node --------------------------------------------------------------------------------------------------

function createLine(node) {
  const name = h("span", { class: "wb-line-name" }, node.name ?? node.id);
  const words = h("span", { class: "wb-line-words" });
  const bar = h("progress", { class: "wb-bar", max: 1, "aria-label": `Progress of ${node.name ?? node.id}` });
  const log = h("div", { class: "wb-line-log" });
  const fold = h("details", { ontoggle: () => fold.open && line.drawLog() }, h("summary", {}, h("span", { class: "wb-dot", "aria-hidden": "true" }), name, words), log);
  const curves = h("div", { class: "wb-curves" });
  const drawCurves = curvesOf(curves);
  const element = h("li", { class: "wb-line" }, fold, bar, curves);
  const line = {
    element,
    node,
    update(now, job) {
      line.node = now;
      line.job = job;
      element.dataset.status = now.status ?? "pending";
      name.textContent = now.name ?? now.id;
      words.textContent = lineWords(now, job);
      bar.hidden = now.status !== "running";
      if (now.status === "running" && now.fraction > 0) bar.value = Math.min(1, now.fraction);
      else bar.removeAttribute("value");
      drawCurves(now);
      if (fold.open) line.drawLog();
    },
    drawLog() {
      // Redraw only after a change of this node, to preserve open sections and the selection.
      const now = line.node;
      const count = line.job.events.filter((event) => event.node === now.id).length;
      const key = JSON.stringify([now.status, count, now.log?.at(-1)?.at, now.worker, now.error?.message, Object.keys(now.metrics ?? {}).length]);
      if (line.logAt === key) return;
      line.logAt = key;
      fill(log, ...logOf(line.node, line.job));
    },
  };
  return line;
}

function lineWords(node, job) {
  if (node.status === "running") {
    const done = doneWords(node);
    const producer = node.wait?.producer ? job.nodes.get(node.wait.producer) : null;
    if (producer && producer.status !== "running") return `${done}, waits for ${producer.name}`;
    return node.secondsLeft ? `${done} · ${seconds(node.secondsLeft)} left` : done;
  }
  if (node.status === "completed") return node.cached ? "cached" : seconds(node.seconds);
  if (node.status === "waiting") return node.waiting ?? "waiting";
  if (node.status === "failed") return isErrorOf(job, node) ? "failed" : (node.error?.message ?? "failed");
  if (node.status === "skipped") return node.skippedBy?.length ? `skipped, because ${node.skippedBy.join(" and ")} failed` : "skipped";
  if (node.status === "cancelled") return "cancelled";
  return "";
}

/** How much of a running node is done. A total that still grows has a plus sign. */
function doneWords(node) {
  if (node.total > 1 && node.unit) return `${Math.round(node.done)} of ${Math.round(node.total)}${node.growing ? "+" : ""} ${node.unit}`;
  if (node.growing && node.parts) return `${node.parts} ${node.parts === 1 ? "part" : "parts"} so far`;
  return node.fraction > 0 ? `${Math.round(node.fraction * 100)} %` : (node.log?.at(-1)?.text ?? "running");
}

const EVENT_WORDS = {
  "node.running": (data) => `started on ${data.worker || "a worker"}${data.attempt > 1 ? `, attempt ${data.attempt}` : ""}`,
  "node.completed": (data) => (data.cached ? "result from the cache" : `done in ${seconds(data.seconds)}`),
  "node.first_part": () => "first part finished",
  "node.retrying": (data) => `attempt ${data.attempt} failed: ${data.error?.message ?? ""}`,
  "node.failed": () => "failed", // its error is shown once: as that of the job, or below
  "node.lost": () => "its output was damaged or missing in the store; it runs again",
  "node.waiting": (data) => `waiting (${(data.reason ?? "").replaceAll("_", " ")})`,
  "node.decided": (data) => (data.approved ? `approved by ${data.author}${data.edited ? ", with changes" : ""}` : `rejected by ${data.author}${data.reason ? `: ${data.reason}` : ""}`),
  "node.ready": () => "a worker provides its service now",
  "node.skipped": () => "skipped",
  "node.cancelled": () => "cancelled",
  "job.failed": () => "caused the failure of the job",
};

/** A node that takes an input in parts pauses for each that is not finished; only its start and its end are news. */
function withoutPauses(events) {
  let pausing = false;
  return events.filter((event) => {
    const goesOn = pausing && event.type === "node.running";
    pausing = event.type === "node.waiting" && event.data?.reason === "next_part";
    return !pausing && !goesOn;
  });
}

function logOf(node, job) {
  const events = job.events.filter((event) => event.node === node.id);
  const rows = withoutPauses(events).map((event) => h("li", {}, when(event.at), " ", EVENT_WORDS[event.type]?.(event.data ?? {}) ?? event.type));
  // While the node runs, its log comes with the progress; afterwards it is in the event of its completion.
  const messages = events.findLast((event) => event.type === "node.completed")?.data?.log ?? node.log ?? [];
  return [
    h("p", { class: "wb-muted" }, node.service ?? "", node.worker ? ` · ${node.worker}` : ""),
    rows.length ? h("ul", { class: "wb-events" }, rows) : h("p", { class: "wb-muted" }, "No events yet."),
    messages.length ? h("ul", { class: "wb-events wb-said", "aria-label": "Log" }, messages.map((one) => h("li", {}, when(one.at), " ", one.text))) : null,
    metricList([node]),
    node.error && !isErrorOf(job, node) ? problem(node.error) : null,
  ].filter(Boolean);
}

// -- after the end ----------------------------------------------------------------------------------------------------

function drawAfter(view, job) {
  const record = job.record;
  const key = `${record.status} ${record.mlflowRun ?? ""} ${record.trackingError ?? ""}`;
  if (view.finalShown === key) return;
  const first = !view.finalShown;
  view.finalShown = key;
  const metrics = h("div", {});
  const downloads = h("div", { class: "wb-downloads" });
  view.after ??= { training: h("div", { class: "wb-training" }), metrics, downloads };
  const link = (word, path, options) => (pageUrl(path) ? linkButton(word, pageUrl(path), { target: embedded() ? "_blank" : null, rel: "noopener", ...options }) : null);
  const again = record.status === "completed" ? "Run again with changes" : "Run again";
  fill(
    view.parts.after,
    h(
      "div",
      { class: "wb-actions" },
      view.links && record.options ? link(again, `/?from=${job.jobId}`, { icon: "edit", "data-action": "again" }) : null,
      record.status === "completed" ? null : retryButton(view),
      view.links ? link("Run details", `/runs?job=${job.jobId}`, { icon: "graph" }) : null,
      record.status === "completed" ? link("Compare with…", `/runs?compare=${job.jobId}`, { icon: "compare" }) : null,
      record.mlflowRun ? link("MLflow", record.mlflowRun, { icon: "external", target: "_blank" }) : null,
    ),
    record.trackingError ? h("p", { class: "wb-muted" }, `Not recorded in MLflow: ${record.trackingError}.`) : null,
    view.after.training,
    view.after.metrics,
    view.after.downloads,
  );
  if (first) {
    drawMetrics(view.after.metrics, job);
    if (record.pipeline === "train_lora") showTraining(view.after.training, job.jobId);
    if (!view.part) drawDownloads(view.after.downloads, job);
  }
}

function retryButton(view) {
  const retry = async () => {
    const { jobId, unserved } = await ask("POST /api/jobs/{job_id}/retry", { job_id: view.jobId });
    if (view.go) view.go(jobId, unserved); // beside the form, which keeps its values
    else window.location.assign(`/?job=${jobId}`);
  };
  return button("Continue where it stopped", { icon: "again", onclick: (event) => attempt(event.currentTarget, view.parts.actionMessages, retry, { compact: true }) });
}

function drawMetrics(element, job) {
  const evaluated = nodesOf(job).filter((node) => node.service?.startsWith("evaluate."));
  const shown = metricList(evaluated);
  if (shown) fill(element, h("h3", {}, "Metrics"), shown);
}

async function drawDownloads(element, job) {
  try {
    const made = (await artifactsOf(job.jobId)).filter((one) => one.role === "output");
    if (!made.length) return;
    fill(
      element,
      h("h3", {}, "Files"),
      h(
        "ul",
        { class: "wb-files" },
        made.map((one) => h("li", {}, setDownloadUrl(h("a", { download: "" }, icon("download"), `${job.nodes.get(one.node)?.name ?? one.node}: ${one.name}`), one.ref.sha256), h("span", { class: "wb-muted" }, one.ref.mediaType ?? ""))),
      ),
    );
  } catch {
    fill(element); // the run details show them
  }
}

/** For Gradio: `props.value` is {jobId}; an empty value shows nothing. */
export function mount(element, { props, watch }) {
  let left = false; // whether a job was shown, and Back left it
  /** @type {(() => void) | null | void} */
  let end = null;
  const show = () => {
    end?.();
    end = null;
    const jobId = props.value?.jobId;
    if (!jobId) return fill(element, left ? empty("No job is shown", "The form still has your inputs. Forward shows the job again.") : null);
    left = true;
    end = monitor(element, {
      jobId,
      unserved: props.value?.unserved ?? [],
      go: (other, unserved) => {
        props.value = { jobId: other, unserved };
        if (props.value?.jobId === other && !element.querySelector(`[aria-label="Job ${other}"]`)) show();
      },
    });
    // Keep the job in the address, so that a reload or another browser shows the same job, and Back the one before.
    const address = new URL(window.location.href);
    if (address.searchParams.get("job") === jobId) return null;
    address.searchParams.delete("from");
    address.searchParams.set("job", jobId);
    window.history.pushState(null, "", address);
    return null;
  };
  const walk = () => {
    const jobId = new URLSearchParams(window.location.search).get("job") ?? "";
    if (jobId === (props.value?.jobId ?? "")) return;
    props.value = jobId ? { jobId } : null;
    show();
  };
  window.addEventListener("popstate", walk);
  watch("value", show);
  show();
}
