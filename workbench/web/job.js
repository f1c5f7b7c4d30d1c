// @ts-check
// One job as a view knows it: its record once, every event folded on top, and what updates say beside the events.

import { ask, watchJob } from "./api.js";
import { errorOf, fold, isFinal, jobState, shownStatus, statusOf } from "./fold.js";

export { isFinal } from "./fold.js";

/**
 * @typedef {Api.Schema<"LiveNode">} LiveNode
 * @typedef {Api.Schema<"Event">} JobEvent
 * @typedef {Api.Schema<"JobInFull">} JobInFull
 * @typedef {import("./fold.js").JobState} JobState
 *
 * What a running node says of itself, which is no event.
 * @typedef {Partial<Pick<LiveNode, "fraction" | "done" | "total" | "unit" | "secondsLeft" | "preview" | "parts" | "log" | "waiting">>} Said
 *
 * @typedef {Api.Schema<"NodeRecord"> & Said & {name?: string, params: Record<string, any>, input: Record<string, any>}} JobNode
 *
 * @typedef {object} Job
 * @property {string} jobId
 * @property {Api.Schema<"ApiStatus">} status
 * @property {number} progress
 * @property {number | null} secondsLeft
 * @property {string} waiting
 * @property {string} paused
 * @property {boolean} busAway
 * @property {boolean} connected
 * @property {Map<string, JobNode>} nodes  In the order of the graph.
 * @property {JobEvent[]} events  In their order, each once.
 * @property {JobInFull | null} record
 * @property {Api.Schema<"ErrorInfo"> | null} error
 * @property {import("./dom.js").Problem | null} problem  Why nothing can be said now.
 */

const NEWEST_EVENTS = 50; // in the answer about a job
/** @type {readonly (keyof Said)[]} */
const SAID = ["fraction", "done", "total", "unit", "secondsLeft", "preview", "parts", "log", "waiting"];

/**
 * Follow a job. `changed(job)` is called after every change; the returned function ends it.
 * @param {string} jobId
 * @param {(job: Job) => void} changed
 */
export function follow(jobId, changed) {
  let ended = false;
  let stop = () => {};
  let listed = 0;
  /** @type {JobState | null} */
  let state = null;
  /** @type {Record<string, Said>} */
  const said = {};
  const seen = new Set();
  /** @type {Job} */
  const job = { jobId, status: "queued", progress: 0, secondsLeft: null, waiting: "", paused: "", busAway: false, connected: true, nodes: new Map(), events: [], record: null, error: null, problem: null };

  const take = (/** @type {any} */ update) => {
    if (ended) return;
    if ("connected" in update) job.connected = update.connected;
    else if (update.failed) {
      job.problem = { message: update.failed.error ?? "the job cannot be watched", code: update.failed.code, details: update.failed.details };
    } else {
      job.problem = null; // a moment in which it could not be read is over
      for (const name of /** @type {const} */ (["progress", "secondsLeft", "waiting", "paused", "busAway"])) if (name in update) Object.assign(job, { [name]: update[name] });
      for (const [id, node] of Object.entries(update.nodes)) said[id] = Object.fromEntries(SAID.map((name) => [name, node[name]]));
      state ??= jobState({ status: update.status, nodes: Object.entries(update.nodes).map(([id, node]) => ({ ...node, id })) });
      keep(update.events);
      if (isFinal(update.status) && !isFinal(job.record?.status)) load(); // MLflow's page, the title, what the events do not say
    }
    show();
  };

  /** Take events in; they come by two ways, and by the record newest first. @param {JobEvent[]} events */
  function keep(events) {
    const fresh = events.filter((event) => !seen.has(`${event.epoch}-${event.seq}`)).sort(inOrder);
    for (const event of fresh) {
      seen.add(`${event.epoch}-${event.seq}`);
      if (state) state = fold(state, event);
    }
    if (fresh.length) job.events = [...job.events, ...fresh].sort(inOrder);
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
          return [node.id, { ...said[node.id], ...node, status, name: name || node.id, params, input, waiting: status === "waiting" ? said[node.id]?.waiting : "" }];
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
      state = job.events.reduce(fold, jobState(record)); // what the record knows already changes nothing
      if (first) listed = answer.events.length;
      if (first) Object.assign(job, { progress: record.progress, waiting: job.waiting || record.waiting });
      keep(answer.events);
      for (const { node, sentence } of record.waits) said[node] = { ...said[node], waiting: sentence };
      if (job.problem?.status !== undefined) job.problem = null; // what did not answer does again
      show();
      // MLflow is a moment behind the job; its link comes later.
      if (isFinal(record.status) && !record.mlflowRun && tries < 8) later(1500);
      if (isFinal(job.status) && !isFinal(record.status)) later(Math.min(10_000, 150 * 1.3 ** tries));
    } catch (error) {
      if (ended) return;
      const problem = /** @type {import("./dom.js").Problem} */ (error);
      if (problem.status === 404) job.problem = problem;
      else later(Math.min(10_000, 1500 * 1.3 ** tries));
      show();
    }
  }

  load().then(() => {
    if (ended || job.problem?.status === 404) return;
    // The record brings the newest events; the socket sends the others of a long job, and then ends.
    if (!isFinal(job.record?.status) || listed >= NEWEST_EVENTS) stop = watchJob(jobId, take);
  });
  return () => {
    ended = true;
    stop();
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
 * The node that a person is asked about: {node, question}, or null.
 * @param {Job} job
 */
export function asked(job) {
  const node = nodesOf(job).find((one) => one.status === "waiting" && one.wait?.reason === "approval");
  return node ? { node: node.id, question: node.wait?.question } : null;
}
