// @ts-check
// The reducer of job events, with the same rules as schemas/folding.py; a test compares both. An event takes effect on its
// node only if its number is greater than that of the last effective one. So a repeated event changes nothing.

import { extended } from "./series.js";

/**
 * @typedef {Api.Schema<"NodeRecord">} NodeRecord
 * @typedef {Api.Schema<"Event">} JobEvent
 * @typedef {Api.Schema<"ErrorInfo">} ErrorInfo
 * @typedef {Api.Schema<"ApiStatus">} ApiStatus
 * @typedef {Api.Schema<"NodeStatus">} NodeStatus
 *
 * @typedef {object} JobState
 * @property {ReadonlyMap<string, NodeRecord>} nodes  In the order of the record.
 * @property {ReadonlyMap<string, string[]>} parents
 * @property {ApiStatus | null} end  The final status, once there is one. Later ones are ignored.
 * @property {boolean} onBus  Whether the job has at least one event.
 * @property {boolean} begun  Whether a node has started.
 * @property {string} failedNode
 * @property {ErrorInfo | null} recordedError
 *
 * The source of a state: the job of GET /api/jobs/{job_id}, or the part of it that is available.
 * @typedef {object} Recorded
 * @property {ApiStatus} status
 * @property {Partial<NodeRecord>[]} nodes
 * @property {ErrorInfo | null} [error]
 * @property {{edges?: {from: string, to: string}[]}} [lastGraph]
 */

/** @type {Readonly<Record<string, ApiStatus>>} */
const JOB_ENDS = { "job.completed": "completed", "job.failed": "failed", "job.cancelled": "cancelled" };
/** @type {Readonly<Record<string, NodeStatus>>} */
const STATUS = {
  "node.running": "running",
  "node.completed": "completed",
  "node.retrying": "ready",
  "node.failed": "failed",
  "node.lost": "ready",
  "node.skipped": "skipped",
  "node.cancelled": "cancelled",
  "node.waiting": "waiting",
  "node.decided": "ready",
  "node.ready": "ready",
};
const FINAL = new Set(["completed", "failed", "cancelled"]);
const FINAL_NODE = new Set(["completed", "failed", "skipped", "cancelled"]);

/** @param {string | undefined} status */
export const isFinal = (status) => FINAL.has(status ?? "");

/** @type {NodeRecord} */
const FRESH = {
  id: "", service: "", plane: "data", status: "pending", seconds: null, cpuSeconds: null, peakMemoryBytes: null, cached: false, worker: "",
  attempt: 0, metrics: {}, series: {}, output: null, error: null, contentKey: "", startedAt: null, finishedAt: null, firstPartAt: null, partKind: "",
  wait: null, epoch: 0, seq: 0,
}; // prettier-ignore

const NO_WAIT = { contentKey: "", delayS: 0, attempt: 0, pool: "", services: [], question: null, artifact: "", producer: "" };

/**
 * The fields of a node that one of its events changes.
 * @param {JobEvent} event
 * @param {NodeRecord} before
 * @returns {Partial<NodeRecord>}
 */
export function nodeChanges(event, before) {
  const status = STATUS[event.type];
  if (event.type === "node.first_part" || event.type === "node.series") return { epoch: event.epoch, seq: event.seq, ...read(event, before) };
  if (!status) return {};
  const ended = FINAL_NODE.has(status) ? { finishedAt: event.at } : {};
  return { status, wait: null, epoch: event.epoch, seq: event.seq, ...ended, ...read(event, before) };
}

/**
 * @param {JobEvent} event
 * @param {NodeRecord} before
 * @returns {Partial<NodeRecord>}
 */
function read(event, before) {
  const data = /** @type {any} */ (event.data ?? {});
  switch (event.type) {
    case "node.running": {
      // The event of a worker that takes a segment does not contain the attempt.
      const attempt = Math.max(data.attempt ?? 1, before.error ? before.attempt + 1 : 0);
      return { worker: data.worker ?? "", attempt, startedAt: event.at, finishedAt: null, seconds: null, cached: false, error: null };
    }
    case "node.completed":
      return {
        attempt: data.attempt ?? 1,
        cached: data.cached ?? false,
        contentKey: data.contentKey ?? "",
        seconds: data.seconds ?? 0,
        cpuSeconds: data.cpuSeconds ?? 0,
        peakMemoryBytes: data.peakMemoryBytes ?? 0,
        metrics: Object.fromEntries(Object.entries(data.metrics ?? {}).filter(([, value]) => Number.isFinite(value))),
        output: data.output ?? {},
        error: null,
        startedAt: data.startedAt || event.at,
        finishedAt: data.finishedAt || event.at,
        ...(data.worker ? { worker: data.worker } : {}),
      };
    case "node.retrying":
    case "node.failed": {
      const final = event.type === "node.failed";
      return {
        attempt: data.attempt ?? 1,
        seconds: data.seconds ?? 0,
        error: { details: {}, ...data.error },
        finishedAt: final ? data.finishedAt || event.at : null,
        ...(final ? { output: null } : {}),
        ...(data.worker ? { worker: data.worker } : {}),
        ...(data.startedAt ? { startedAt: data.startedAt } : {}),
      };
    }
    case "node.lost":
      return { cached: false, seconds: null, finishedAt: null };
    case "node.first_part":
      return { firstPartAt: event.at, partKind: data.kind ?? "" };
    case "node.series":
      return { series: extended(before.series ?? {}, data.points ?? {}) };
    case "node.waiting":
      return { wait: { ...NO_WAIT, ...data } };
    default:
      return {};
  }
}

/**
 * The state of a record. Events that the record already includes change nothing.
 * @param {Recorded} record
 * @returns {JobState}
 */
export function jobState(record) {
  const parents = new Map(record.nodes.map((node) => [node.id ?? "", /** @type {string[]} */ ([])]));
  for (const { from, to } of record.lastGraph?.edges ?? []) parents.get(to)?.push(from);
  const begun = record.status === "running" || isFinal(record.status) || record.nodes.some((node) => node.seq || node.status === "waiting");
  const nodes = new Map(record.nodes.map((node) => [node.id ?? "", { ...FRESH, ...node }]));
  const end = isFinal(record.status) ? record.status : null;
  return stopped({ nodes, parents, end, onBus: record.status !== "advertised", begun, failedNode: "", recordedError: record.error ?? null });
}

/**
 * Apply an event. States are immutable: returns a new state, or the same one if the event changes nothing.
 * @param {JobState} state
 * @param {JobEvent} event
 * @returns {JobState}
 */
export function fold(state, event) {
  const end = JOB_ENDS[event.type];
  if (end) return state.end ? state : stopped({ ...state, onBus: true, end, failedNode: event.node ?? "" });
  const node = state.nodes.get(event.node ?? "");
  if (!node) return state.onBus ? state : { ...state, onBus: true }; // the event of the acceptance
  if (event.epoch < node.epoch || (event.epoch === node.epoch && event.seq <= node.seq)) return state;
  const nodes = new Map(state.nodes).set(node.id, { ...node, ...nodeChanges(event, node) });
  return stopped({ ...state, onBus: true, begun: true, nodes }); // the event may arrive after a cancel
}

/**
 * @param {JobState} state
 * @returns {JobState}
 */
function stopped(state) {
  if (state.end !== "cancelled") return state;
  const nodes = new Map(state.nodes);
  for (const [id, node] of nodes) if (!FINAL_NODE.has(node.status)) nodes.set(id, { ...node, status: "cancelled", wait: null });
  return { ...state, nodes };
}

/**
 * The current status of the job, in the words of the HTTP API.
 * @param {JobState} state
 * @returns {ApiStatus}
 */
export function statusOf(state) {
  if (state.end) return state.end;
  if (!state.begun) return state.onBus ? "queued" : "advertised";
  const found = new Set([...state.nodes.values()].map((node) => node.status));
  return found.has("running") || [...found].every((one) => FINAL_NODE.has(one)) ? "running" : "queued";
}

/**
 * The error of a failed job: the first failure that no edge handled.
 * @param {JobState} state
 */
export const errorOf = (state) => (state.failedNode ? (state.nodes.get(state.failedNode)?.error ?? null) : state.recordedError);

/**
 * The failed nodes because of which a node was skipped.
 * @param {JobState} state
 * @param {string} id
 * @returns {string[]}
 */
export function failedBefore(state, id) {
  const found = new Set();
  const todo = [...(state.parents.get(id) ?? [])];
  for (const parent of todo) {
    const status = state.nodes.get(parent)?.status;
    if (status === "failed") found.add(parent);
    else if (status === "skipped") todo.push(...(state.parents.get(parent) ?? []).filter((one) => !todo.includes(one)));
  }
  return [...found];
}

/**
 * The displayed status of a node. Computes "ready", because no event reports that a pending node may run. A node that only
 * waits for the next part of an input is at work.
 * @param {JobState} state
 * @param {NodeRecord} node
 * @returns {NodeStatus}
 */
export function shownStatus(state, node) {
  if (node.wait?.reason === "next_part") return "running";
  if (node.status !== "pending" || !state.onBus || state.end) return node.status;
  const free = (state.parents.get(node.id) ?? []).every((id) => FINAL_NODE.has(state.nodes.get(id)?.status ?? ""));
  return free ? "ready" : "pending";
}
