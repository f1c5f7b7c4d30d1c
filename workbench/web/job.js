// @ts-check
// The live model of one job: its record, all events applied to it, and the live facts of updates.

import { ask, watchJob } from "./api.js";
import { errorOf, failedBefore, fold, isFinal, jobState, shownStatus, statusOf } from "./fold.js";
import { watchGone } from "./gone.js";

export { isFinal } from "./fold.js";

/**
 * @typedef {Api.Schema<"LiveNode">} LiveNode
 * @typedef {Api.Schema<"Event">} JobEvent
 * @typedef {Api.Schema<"JobInFull">} JobInFull
 * @typedef {import("./fold.js").JobState} JobState
 *
 * Live facts of a running node, which are not events.
 * @typedef {Partial<Pick<LiveNode, "fraction" | "done" | "total" | "unit" | "growing" | "secondsLeft" | "preview" | "parts" | "log" | "waiting">>} LiveFacts
 *
 * @typedef {Api.Schema<"NodeRecord"> & LiveFacts & {name?: string, metricMeanings?: Record<string, Api.Schema<"Metric">>, params: Record<string, any>, input: Record<string, any>, skippedBy: string[]}} JobNode
 *
 * @typedef {object} Job
 * @property {string} jobId
 * @property {Api.Schema<"ApiStatus">} status
 * @property {number} progress
 * @property {number | null} secondsLeft
 * @property {number | null} firstFrameSeconds  From acceptance to the first frames of a video that can be played.
 * @property {string} waiting
 * @property {string} paused
 * @property {boolean} busAway
 * @property {boolean} connected
 * @property {Map<string, JobNode>} nodes  In the order of the graph.
 * @property {JobEvent[]} events  In order, without duplicates.
 * @property {JobInFull | null} record
 * @property {Api.Schema<"ErrorInfo"> | null} error
 * @property {import("./dom.js").Problem | null} problem  Why the state of the job is unknown now.
 * @property {boolean} gone  Whether it was deleted while it was shown.
 */

const NEWEST_EVENTS = 50; // in the response of GET /api/jobs/{job_id}
/** @type {readonly (keyof LiveFacts)[]} */
const LIVE_FACTS = ["fraction", "done", "total", "unit", "growing", "secondsLeft", "preview", "parts", "log", "waiting"];

/**
 * Follow a job. Calls `changed(job)` after every change; the returned function stops it.
 * @param {string} jobId
 * @param {(job: Job) => void} changed
 */
export function follow(jobId, changed) {
  let ended = false;
  let stop = () => {};
  let listed = 0;
  /** @type {JobState | null} */
  let state = null;
  /** @type {Record<string, LiveFacts>} */
  const live = {};
  const seen = new Set();
  /** @type {Job} */
  const job = { jobId, status: "queued", progress: 0, secondsLeft: null, firstFrameSeconds: null, waiting: "", paused: "", busAway: false, connected: true, nodes: new Map(), events: [], record: null, error: null, problem: null, gone: false };

  const take = (/** @type {any} */ update) => {
    if (ended) return;
    if ("connected" in update) job.connected = update.connected;
    else if (update.failed?.code === "job.unknown" && job.record) return gone();
    else if (update.failed) {
      job.problem = { message: update.failed.error ?? "the job cannot be watched", code: update.failed.code, details: update.failed.details };
    } else {
      job.problem = null; // the job can be read again
      for (const name of /** @type {const} */ (["progress", "secondsLeft", "firstFrameSeconds", "waiting", "paused", "busAway"])) if (name in update) Object.assign(job, { [name]: update[name] });
      for (const [id, node] of Object.entries(update.nodes)) live[id] = Object.fromEntries(LIVE_FACTS.map((name) => [name, node[name]]));
      state ??= jobState({ status: update.status, nodes: Object.entries(update.nodes).map(([id, node]) => ({ ...node, id })) });
      keep(update.events);
      if (isFinal(update.status) && !isFinal(job.record?.status)) load(); // for MLflow's page and the title, which no event has
    }
    show();
  };

  /** Add events from the socket or from the record, which has the newest first. @param {JobEvent[]} events */
  function keep(events) {
    const fresh = events.filter((event) => !seen.has(`${event.epoch}-${event.seq}`)).sort(inOrder);
    for (const event of fresh) {
      seen.add(`${event.epoch}-${event.seq}`);
      if (state) state = fold(state, event);
    }
    const told = fresh.filter((event) => event.type !== "node.series"); // many, and the state of the node has them
    if (told.length) job.events = [...job.events, ...told].sort(inOrder);
  }

  function show() {
    if (state) {
      const now = state;
      const graph = new Map((job.record?.lastGraph.nodes ?? []).map((node) => [node.id, node]));
      job.status = statusOf(now);
      job.error = errorOf(now);
      job.nodes = new Map(
        [...now.nodes.values()].map((node) => {
          const { name, params = {}, input = {} } = graph.get(node.id) ?? {};
          const status = shownStatus(now, node);
          const skippedBy = status === "skipped" ? failedBefore(now, node.id).map((id) => graph.get(id)?.name || id) : [];
          return [node.id, { ...live[node.id], ...node, metricMeanings: job.record?.metricMeanings?.[node.id] ?? {}, status, name: name || node.id, params, input, skippedBy, waiting: status === "waiting" ? live[node.id]?.waiting : "" }];
        }),
      );
    }
    changed(job);
  }

  async function load(tries = 0) {
    const later = (/** @type {number} */ pause) => setTimeout(() => !ended && load(tries + 1), pause);
    try {
      const answer = await ask("GET /api/jobs/{job_id}", { job_id: jobId });
      if (ended) return;
      /** @type {JobInFull} */
      const record = answer.job;
      const first = !job.record;
      job.record = record;
      state = job.events.reduce(fold, jobState(record)); // events that the record includes change nothing
      if (first) listed = answer.events.length;
      if (first) Object.assign(job, { progress: record.progress, waiting: job.waiting || record.waiting });
      job.firstFrameSeconds ??= record.firstFrameSeconds ?? null;
      keep(answer.events);
      for (const { node, sentence } of record.waits) live[node] = { ...live[node], waiting: sentence };
      if (job.problem?.status !== undefined) job.problem = null; // the server responds again
      show();
      // MLflow is a moment behind the job, so its link comes later.
      if (isFinal(record.status) && !record.mlflowRun && tries < 8) later(1500);
      if (isFinal(job.status) && !isFinal(record.status)) later(Math.min(10_000, 150 * 1.3 ** tries));
    } catch (error) {
      if (ended) return;
      const problem = /** @type {import("./dom.js").Problem} */ (error);
      if (problem.status === 404 && job.record) return gone();
      if (problem.status === 404) job.problem = problem;
      else later(Math.min(10_000, 1500 * 1.3 ** tries));
      show();
    }
  }

  let stopWatching = () => {};
  function gone() {
    if (ended) return;
    job.gone = true;
    job.problem = null;
    changed(job);
    stop();
  }

  load().then(() => {
    if (ended || job.problem?.status === 404) return;
    stopWatching = watchGone(jobId, gone);
    // The record has the newest events. The socket sends the older events of a long job, and then ends.
    if (!isFinal(job.record?.status) || listed >= NEWEST_EVENTS) stop = watchJob(jobId, take);
  });
  return () => {
    ended = true;
    stop();
    stopWatching();
  };
}

/** @type {(a: JobEvent, b: JobEvent) => number} */
const inOrder = (a, b) => a.epoch - b.epoch || a.seq - b.seq;

/**
 * The nodes of a job in the order of its graph.
 * @param {Job} job
 */
export const nodesOf = (job) => [...job.nodes.values()];

/**
 * The approval that the job waits for: {node, question}, or null.
 * @param {Job} job
 */
export function openQuestion(job) {
  const node = nodesOf(job).find((one) => one.status === "waiting" && one.wait?.reason === "approval");
  return node ? { node: node.id, question: node.wait?.question } : null;
}
