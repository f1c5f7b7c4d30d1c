// One job as the page knows it: its record once, then every update on top.

import { get } from "./api.js";
import { feed } from "./feed.js";

const FINAL = new Set(["completed", "failed", "cancelled"]);
const FINAL_NODE = new Set(["completed", "failed", "skipped", "cancelled"]);

const NEWEST_EVENTS = 50; // in the answer about a job

export const isFinal = (status) => FINAL.has(status);

/**
 * Follow a job. `changed(job)` is called with the model at once and after every change; the returned function ends it.
 *
 * The model: {jobId, status, progress, secondsLeft, waiting, paused, nodes: Map id -> node, order: [id], events, record, error,
 * busAway, connected, problem}. A node is what the record and the newest update say together.
 */
export function follow(jobId, changed) {
  let ended = false;
  let stop = null;
  const job = { jobId, status: "queued", progress: 0, nodes: new Map(), order: [], events: [], seen: new Set(), connected: true };

  const take = (update) => {
    if (ended) return;
    if ("connected" in update) {
      job.connected = update.connected;
    } else if (update.failed) {
      job.problem = { message: update.failed.error ?? "the job cannot be watched", code: update.failed.code, details: update.failed.details };
    } else {
      job.problem = null; // a moment in which it could not be read is over
      const wasFinal = isFinal(job.status);
      for (const name of ["status", "progress", "secondsLeft", "waiting", "paused", "busAway"]) if (name in update) job[name] = update[name];
      for (const [id, node] of Object.entries(update.nodes ?? {})) job.nodes.set(id, { ...job.nodes.get(id), ...node, id });
      if (update.error) job.error = update.error;
      keep(update.events ?? []);
      if (isFinal(job.status) && !wasFinal) load(); // figures, outputs, MLflow's page
    }
    changed(job);
  };

  /** Events in their order, each once; they come by two ways, and by the record newest first. */
  function keep(events) {
    const before = job.events.length;
    for (const event of events) {
      const number = `${event.epoch}-${event.seq}`;
      if (job.seen.has(number)) continue;
      job.seen.add(number);
      job.events.push(event);
    }
    if (job.events.length !== before) job.events.sort((a, b) => a.epoch - b.epoch || a.seq - b.seq);
  }

  async function load(tries = 0) {
    try {
      const answer = await get(`/api/jobs/${jobId}`);
      if (ended) return;
      const record = answer.job;
      const names = new Map((record.lastGraph?.nodes ?? []).map((node) => [node.id, node]));
      job.record = record;
      job.order = (record.nodes ?? []).map((node) => node.id);
      for (const node of record.nodes ?? []) {
        const known = job.nodes.get(node.id);
        const graph = names.get(node.id) ?? {};
        const facts = { name: graph.name || node.id, service: node.service, params: graph.params ?? {}, input: graph.input ?? {}, plane: node.plane };
        // The socket is ahead of the record while the job runs; the record is complete once it is final.
        job.nodes.set(node.id, known && !FINAL_NODE.has(node.status) ? { ...node, ...known, ...facts } : { ...known, ...node, ...facts });
      }
      if (isFinal(record.status) || !isFinal(job.status)) {
        job.status = record.status;
        job.progress = Math.max(job.progress, record.progress ?? 0);
      }
      job.error = record.error ?? job.error;
      if (job.problem && job.problem.status !== undefined) job.problem = null; // what did not answer does again
      keep(answer.events ?? []);
      job.listed ??= (answer.events ?? []).length;
      changed(job);
      // MLflow is a moment behind the job; its link comes later.
      if (isFinal(record.status) && !record.mlflowRun && tries < 8) setTimeout(() => !ended && load(tries + 1), 1500);
      if (isFinal(job.status) && !isFinal(record.status) && job.status !== record.status) setTimeout(() => !ended && load(tries + 1), Math.min(10_000, 150 * 1.3 ** tries));
    } catch (error) {
      if (ended) return;
      if (error.status === 404) job.problem = error;
      else setTimeout(() => !ended && load(tries + 1), Math.min(10_000, 1500 * 1.3 ** tries));
      changed(job);
    }
  }

  load().then(() => {
    if (ended || job.problem?.status === 404) return;
    // The record brings the newest events; the socket sends the others of a long job, and then ends.
    if (!isFinal(job.record?.status) || job.listed >= NEWEST_EVENTS) stop = feed.watch(jobId, take);
  });
  return () => {
    ended = true;
    stop?.();
  };
}

/** What a job waits for, in words; the record has a list, an update a sentence. */
export const waitWords = (waiting) => (Array.isArray(waiting) ? waiting.map((one) => one.sentence).join("; ") : (waiting ?? ""));

/** The node that a person wants to see first: the one that failed, waits for a person, or runs. */
export function current(job) {
  const nodes = [...job.nodes.values()];
  return (
    nodes.find((node) => node.status === "failed") ??
    nodes.find((node) => node.status === "waiting") ??
    nodes.find((node) => node.status === "running") ??
    nodes.find((node) => node.status === "ready")
  );
}

/** Nodes in the order of the graph document; the order of the record where it is known. */
export function nodesOf(job) {
  const ids = job.order.length ? job.order : [...job.nodes.keys()];
  return ids.map((id) => job.nodes.get(id)).filter(Boolean);
}
