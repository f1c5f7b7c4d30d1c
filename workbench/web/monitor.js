// @ts-check
// A job while it runs and when it is done: the stage with its picture, a line per node, what can be done now.

import { ask, embedded, lead, pageUrl } from "./api.js";
import { approval } from "./approval.js";
import { artifact, artifactsOf, leadToDownload } from "./artifact.js";
import { badge, button, figure, fill, h, icon, linkButton, problem, seconds, sentence, when } from "./dom.js";
import { asked, follow, isFinal, nodesOf } from "./job.js";
import { lack, lackNote } from "./lack.js";
import { growingVideo } from "./parts.js";
import { pipelines } from "./pipelines.js";

/**
 * Show one job. Options: {jobId, unserved: services that nobody offered when it was submitted, links: whether to lead to
 * the run in full and to repeating it, go: shows another job in this place}.
 * Returns a function that ends it.
 * @param {HTMLElement} element
 * @param {{jobId: string, unserved?: string[], links?: boolean, go?: ((jobId: string, unserved: string[]) => void) | null}} options
 */
export function monitor(element, { jobId, unserved = [], links = true, go = null }) {
  const parts = {
    stage: h("div", { class: "wb-stage" }),
    head: h("div", { class: "wb-monitor-head" }),
    trouble: h("div", {}), // it passes, and what stands below stays
    lack: h("div", {}),
    notice: h("div", { "aria-live": "polite" }),
    actionSaid: h("div", {}), // what a pressed button was refused; a question above it stays
    lines: h("ol", { class: "wb-lines", "aria-label": "Steps" }),
    after: h("div", { class: "wb-after" }),
  };
  fill(element, h("section", { class: "wb-monitor", "aria-label": `Job ${jobId}` }, parts.stage, parts.head, parts.trouble, parts.lack, parts.notice, parts.actionSaid, parts.lines, parts.after));
  const view = { jobId, unserved, links, parts, lines: new Map(), stage: createStage(parts.stage, jobId), finalShown: false, asked: null, go };
  const stop = follow(jobId, (job) => draw(view, job));
  const offered = () => view.job && drawLack(view, view.job);
  pipelines.addEventListener("change", offered);
  return () => {
    stop();
    pipelines.removeEventListener("change", offered);
    view.stage.end();
    element.replaceChildren();
  };
}

function draw(view, job) {
  view.job = job;
  drawLack(view, job);
  drawHead(view, job);
  drawTrouble(view, job);
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
    fill(status, badge(job.status));
    fill(actions, isFinal(job.status) ? null : cancelButton(view));
  }
  bar.value = job.status === "completed" ? 1 : (job.progress ?? 0);
  bar.hidden = isFinal(job.status);
  fill(words, ...headWords(job, view.lacks));
}

function headWords(job, lacks) {
  if (isFinal(job.status)) {
    const took = job.record?.seconds;
    return [took ? `in ${seconds(took)}` : ""];
  }
  if (!job.connected) return ["not connected; it goes on all the same"];
  if (job.busAway) return ["the bus is away; the job goes on when it is back"];
  if (lacks) return ["waits"]; // for what, and what to do, stands below
  if (asked(job)) return ["waits for you"];
  if (job.status === "queued" || job.status === "advertised") return [job.waiting ? sentence(job.waiting) : "waits for a free worker"];
  const percent = `${Math.round((job.progress ?? 0) * 100)} %`;
  return [job.secondsLeft ? `${percent} · about ${seconds(job.secondsLeft)} left` : percent];
}

function cancelButton(view) {
  return button("Cancel", {
    icon: "stop",
    kind: "quiet",
    onclick: async (event) => {
      const pressed = event.currentTarget;
      pressed.disabled = true;
      fill(view.parts.actionSaid);
      try {
        await ask("POST /api/jobs/{job_id}/cancel", { job_id: view.jobId });
      } catch (error) {
        fill(view.parts.actionSaid, problem(error, { compact: true }));
        pressed.disabled = false;
      }
    },
  });
}

// -- what a person must know now: an error, a question ----------------------------------------------------------------

/** That something could not be read just now takes nothing away from what a person is typing. */
function drawTrouble(view, job) {
  const key = job.problem ? `${job.problem.code} ${job.problem.message}` : "";
  if (view.trouble === key) return;
  view.trouble = key;
  fill(view.parts.trouble, job.problem ? problem(job.problem) : null);
}

function drawLack(view, job) {
  const lacking = lack(job, view.unserved);
  const key = JSON.stringify(lacking);
  if (view.lacking === key) return;
  view.lacking = key;
  view.lacks = Boolean(lacking);
  fill(view.parts.lack, lackNote(lacking));
}

function drawNotice(view, job) {
  const waiting = asked(job);
  const key = waiting ? `approve ${waiting.node}` : job.status === "failed" && job.error ? "failed" : "";
  if (view.asked === key) return;
  view.asked = key;
  const unsent = view.question?.unsent() ?? "";
  view.question = waiting ? approval(view.jobId, waiting) : null;
  const kept = unsent ? [h("p", { class: "wb-muted" }, "It was answered elsewhere. What you had written here:"), h("pre", { class: "wb-text" }, unsent)] : null;
  fill(view.parts.notice, view.question?.element, key === "failed" ? problem(job.error) : null, kept);
}

// -- a line per node --------------------------------------------------------------------------------------------------

function createLine(node) {
  const name = h("span", { class: "wb-line-name" }, node.name ?? node.id);
  const words = h("span", { class: "wb-line-words" });
  const bar = h("progress", { class: "wb-bar", max: 1, "aria-label": `Progress of ${node.name ?? node.id}` });
  const log = h("div", { class: "wb-line-log" });
  const fold = h("details", { ontoggle: () => fold.open && line.drawLog() }, h("summary", {}, h("span", { class: "wb-dot", "aria-hidden": "true" }), name, words), log);
  const element = h(
    "li",
    { class: "wb-line" },
    fold,
    bar,
  );
  const line = {
    element,
    node,
    update(now, job) {
      line.node = now;
      line.job = job;
      element.dataset.status = now.status ?? "pending";
      name.textContent = now.name ?? now.id;
      words.textContent = lineWords(now);
      bar.hidden = now.status !== "running";
      if (now.status === "running" && now.fraction > 0) bar.value = Math.min(1, now.fraction);
      else bar.removeAttribute("value");
      if (fold.open) line.drawLog();
    },
    drawLog() {
      // Its folds and what is selected in it stay until something has happened to this node.
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

function lineWords(node) {
  if (node.status === "running") {
    const done = node.total > 1 && node.unit ? `${Math.round(node.done)} of ${Math.round(node.total)} ${node.unit}` : node.fraction > 0 ? `${Math.round(node.fraction * 100)} %` : (node.log?.at(-1)?.text ?? "running");
    return node.secondsLeft ? `${done} · ${seconds(node.secondsLeft)} left` : done;
  }
  if (node.status === "completed") return node.cached ? "known already" : seconds(node.seconds);
  if (node.status === "waiting") return node.waiting ?? "waits";
  if (node.status === "failed") return node.error?.message ?? "failed";
  if (node.status === "skipped") return "left out";
  if (node.status === "cancelled") return "cancelled";
  return "";
}

const EVENT_WORDS = {
  "node.running": (data) => `started on ${data.worker || "a worker"}${data.attempt > 1 ? `, attempt ${data.attempt}` : ""}`,
  "node.completed": (data) => (data.cached ? "its result was known already" : `done in ${seconds(data.seconds)}`),
  "node.retrying": (data) => `attempt ${data.attempt} failed: ${data.error?.message ?? ""}`,
  "node.failed": (data) => `failed: ${data.error?.message ?? ""}`,
  "node.lost": () => "what it made was damaged or gone in the store; it is made again",
  "node.waiting": (data) => `waits (${(data.reason ?? "").replaceAll("_", " ")})`,
  "node.decided": (data) => (data.approved ? `approved by ${data.author}${data.edited ? ", with changes" : ""}` : `rejected by ${data.author}${data.reason ? `: ${data.reason}` : ""}`),
  "node.skipped": () => "left out",
  "node.cancelled": () => "cancelled",
  "job.failed": () => "the job failed by it",
};

function logOf(node, job) {
  const events = job.events.filter((event) => event.node === node.id);
  const rows = events.map((event) => h("li", {}, when(event.at), " ", EVENT_WORDS[event.type]?.(event.data ?? {}) ?? event.type));
  const metrics = Object.entries(node.metrics ?? {});
  // While it runs, what it says comes with its progress; afterwards it stands in the event of its end.
  const said = events.findLast((event) => event.type === "node.completed")?.data?.log ?? node.log ?? [];
  return [
    h("p", { class: "wb-muted" }, node.service ?? "", node.worker ? ` · ${node.worker}` : ""),
    rows.length ? h("ul", { class: "wb-events" }, rows) : h("p", { class: "wb-muted" }, "Nothing has happened here yet."),
    said.length ? h("ul", { class: "wb-events wb-said", "aria-label": "Log" }, said.map((one) => h("li", {}, when(one.at), " ", one.text))) : null,
    metrics.length ? h("dl", { class: "wb-figures" }, metrics.map(([key, value]) => h("div", {}, h("dt", {}, key.replaceAll("_", " ")), h("dd", {}, figure(value))))) : null,
    node.error ? problem(node.error) : null,
  ].filter(Boolean);
}

const PREVIEW_EVERY_MS = 1900;

// -- the stage: preview, finished parts, the video --------------------------------------------------------------------

function createStage(element, jobId) {
  let shown = "";
  /** @type {ReturnType<typeof growingVideo>} */
  let growing = null;
  let previewAt = 0;
  const picture = h("img", { class: "wb-preview", alt: "The frame that is being made" });
  fill(element, h("div", { class: "wb-stage-empty" }, icon("play"), h("span", {}, "The video appears here")));
  return {
    end: () => element.replaceChildren(),
    update(job) {
      if (shown === "video") return;
      if (job.status === "completed") {
        if (job.record && isFinal(job.record.status)) {
          shown = "video";
          showVideo(element, job);
        }
        return;
      }
      if (isFinal(job.status)) {
        shown = "video";
        if (!growing) fill(element, h("div", { class: "wb-stage-empty" }, h("span", {}, job.status === "cancelled" ? "Cancelled" : "No video was made")));
        return;
      }
      const node = nodesOf(job).find((one) => one.status === "running" && (one.parts || one.preview));
      if (!node) return;
      if (node.parts) {
        growing ??= growingVideo(jobId, node.id);
        if (growing) {
          if (shown !== "parts") fill(element, growing.element, h("span", { class: "wb-stage-note" }, "what is finished so far"));
          shown = "parts";
          growing.show(node.parts);
          return;
        }
      }
      // A node's previews replace each other under one key, at most one in two seconds.
      if (node.preview && Date.now() - previewAt > PREVIEW_EVERY_MS) {
        previewAt = Date.now();
        lead(picture, "src", "GET /api/jobs/{job_id}/nodes/{node}/preview", { job_id: jobId, node: node.id, at: previewAt });
        if (shown !== "preview") fill(element, picture, h("span", { class: "wb-stage-note" }, "being made"));
        shown = "preview";
      }
    },
  };
}

async function showVideo(element, job) {
  try {
    const made = (await artifactsOf(job.jobId)).filter((one) => one.role === "output");
    const result = job.record.result ?? {};
    const videos = made.filter((one) => one.ref.kind === "video");
    const best = videos.find((one) => one.node === result.node && one.name === result.name) ?? videos.at(-1);
    if (best) fill(element, artifact(best.ref, { title: "" , autoplay: false }));
    else fill(element, h("div", { class: "wb-stage-empty" }, h("span", {}, "This job makes no video")));
  } catch (error) {
    fill(element, problem(error, { compact: true }));
  }
}

// -- after the end ----------------------------------------------------------------------------------------------------

function drawAfter(view, job) {
  const record = job.record;
  const key = `${record.status} ${record.mlflowRun ?? ""}`;
  if (view.finalShown === key) return;
  const first = !view.finalShown;
  view.finalShown = key;
  const figures = h("div", {});
  const downloads = h("div", { class: "wb-downloads" });
  view.after ??= { figures, downloads };
  const link = (word, path, options) => (pageUrl(path) ? linkButton(word, pageUrl(path), { target: embedded() ? "_blank" : null, rel: "noopener", ...options }) : null);
  const again = record.status === "completed" ? "Again with changes" : "Again";
  fill(
    view.parts.after,
    h(
      "div",
      { class: "wb-actions" },
      view.links && record.options ? link(again, `/?from=${job.jobId}`, { icon: "edit", "data-action": "again" }) : null,
      record.status === "completed" ? null : retryButton(view),
      view.links ? link("Run in full", `/runs?job=${job.jobId}`, { icon: "graph" }) : null,
      record.status === "completed" ? link("Compare with…", `/runs?compare=${job.jobId}`, { icon: "compare" }) : null,
      record.mlflowRun ? link("MLflow", record.mlflowRun, { icon: "external", target: "_blank" }) : null,
    ),
    view.after.figures,
    view.after.downloads,
  );
  if (first) {
    drawFigures(view.after.figures, job);
    drawDownloads(view.after.downloads, job);
  }
}

function retryButton(view) {
  return button("Go on where it stopped", {
    icon: "again",
    onclick: async (event) => {
      const pressed = event.currentTarget;
      pressed.disabled = true;
      fill(view.parts.actionSaid);
      try {
        const { jobId, unserved } = await ask("POST /api/jobs/{job_id}/retry", { job_id: view.jobId });
        if (view.go) view.go(jobId, unserved); // beside the form, which keeps what was typed
        else window.location.assign(`/?job=${jobId}`);
      } catch (error) {
        pressed.disabled = false;
        fill(view.parts.actionSaid, problem(error, { compact: true }));
      }
    },
  });
}

function drawFigures(element, job) {
  const rows = [];
  for (const node of nodesOf(job)) {
    if (!node.service?.startsWith("evaluate.")) continue;
    for (const [name, value] of Object.entries(node.metrics ?? {})) rows.push([name, value]);
  }
  if (!rows.length) return;
  fill(
    element,
    h("h3", {}, "Measured"),
    h("dl", { class: "wb-figures" }, rows.map(([name, value]) => h("div", {}, h("dt", {}, name.replaceAll("_", " ")), h("dd", {}, figure(value))))),
  );
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
        made.map((one) => h("li", {}, leadToDownload(h("a", { download: "" }, icon("download"), `${job.nodes.get(one.node)?.name ?? one.node}: ${one.name}`), one.ref.sha256), h("span", { class: "wb-muted" }, one.ref.mediaType ?? ""))),
      ),
    );
  } catch {
    fill(element); // the run in full shows them
  }
}

/** For Gradio: `props.value` is {jobId}; an empty one shows nothing. */
export function mount(element, { props, watch }) {
  /** @type {(() => void) | null | void} */
  let end = null;
  const show = () => {
    end?.();
    end = null;
    const jobId = props.value?.jobId;
    if (!jobId) return element.replaceChildren();
    end = monitor(element, {
      jobId,
      unserved: props.value?.unserved ?? [],
      go: (other, unserved) => {
        props.value = { jobId: other, unserved };
        if (props.value?.jobId === other && !element.querySelector(`[aria-label="Job ${other}"]`)) show();
      },
    });
    // The address is the state: reloading it, or opening it elsewhere, shows the same job.
    const address = new URL(window.location.href);
    address.searchParams.delete("from");
    address.searchParams.set("job", jobId);
    window.history.replaceState(null, "", address);
    return null;
  };
  watch("value", show);
  show();
}
