// One job as the page knows it: its record once, then every update on top.

import { get } from "./api.js";
import { feed } from "./feed.js";

const FINAL = new Set(["completed", "failed", "cancelled"]);
const FINAL_NODE = new Set(["completed", "failed", "skipped", "cancelled"]);

export const isFinal = (status) => FINAL.has(status);

/**
 * Follow a job. `changed(job)` is called with the model at once and after every change; the returned function ends it.
 *
 * The model: {jobId, status, progress, secondsLeft, waiting, nodes: Map id -> node, order: [id], events, record, error,
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
      const wasFinal = isFinal(job.status);
      for (const name of ["status", "progress", "secondsLeft", "waiting", "busAway"]) if (name in update) job[name] = update[name];
      for (const [id, node] of Object.entries(update.nodes ?? {})) job.nodes.set(id, { ...job.nodes.get(id), ...node, id });
      for (const event of update.events ?? []) {
        const number = `${event.epoch}-${event.seq}`;
        if (!job.seen.has(number)) {
          job.seen.add(number);
          job.events.push(event);
        }
      }
      if (isFinal(job.status) && !wasFinal) load(); // figures, outputs, MLflow's page
    }
    changed(job);
  };

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
      job.error = record.error;
      for (const event of [...(answer.events ?? [])].reverse()) {
        const number = `${event.epoch}-${event.seq}`;
        if (!job.seen.has(number)) {
          job.seen.add(number);
          job.events.push(event);
        }
      }
      job.events.sort((a, b) => a.epoch - b.epoch || a.seq - b.seq);
      changed(job);
      // MLflow is a moment behind the job; its link comes later.
      if (isFinal(record.status) && !record.mlflowRun && tries < 8) setTimeout(() => !ended && load(tries + 1), 1500);
      if (isFinal(job.status) && !isFinal(record.status) && tries < 20) setTimeout(() => !ended && load(tries + 1), 150);
    } catch (error) {
      if (ended) return;
      if (error.status === 404) job.problem = error;
      else setTimeout(() => !ended && load(tries), 1500);
      changed(job);
    }
  }

  load().then(() => {
    if (!ended && !job.problem && !isFinal(job.record?.status)) stop = feed.watch(jobId, take);
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
