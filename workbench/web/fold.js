// @ts-check
// What events mean: the same rule as schemas/folding.py, which a test compares. An event counts for its node only if its
// number is greater than that of the last one that counted: what comes twice, or again after a break, changes nothing.

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
 * @property {ApiStatus | null} end  The final status, once there is one. The first one stays.
 * @property {boolean} onBus  Whether an event of it is known.
 * @property {boolean} begun  Whether a node has begun.
 * @property {string} failedNode
 * @property {ErrorInfo | null} recordedError
 *
 * What a state is made of: the job of GET /api/jobs/{job_id}, or as much of it as is known.
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
};
const FINAL = new Set(["completed", "failed", "cancelled"]);
const FINAL_NODE = new Set(["completed", "failed", "skipped", "cancelled"]);

/** @param {string | undefined} status */
export const isFinal = (status) => FINAL.has(status ?? "");

/** @type {NodeRecord} */
const FRESH = {
  id: "", service: "", plane: "data", status: "pending", seconds: null, cpuSeconds: null, peakMemoryBytes: null, cached: false, worker: "",
  attempt: 0, metrics: {}, output: null, error: null, contentKey: "", startedAt: null, finishedAt: null, wait: null, epoch: 0, seq: 0,
}; // prettier-ignore

const NO_WAIT = { contentKey: "", delayS: 0, attempt: 0, pool: "", services: [], question: null, artifact: "" };

/**
 * The fields of a node that an event of it changes.
 * @param {JobEvent} event
 * @param {NodeRecord} before
 * @returns {Partial<NodeRecord>}
 */
export function nodeChanges(event, before) {
  const status = STATUS[event.type];
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
      // A worker that takes a segment does not say which attempt it is.
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
    case "node.waiting":
      return { wait: { ...NO_WAIT, ...data } };
    default:
      return {};
  }
}

/**
 * The state that a record tells. Events that the record knows change nothing.
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
 * Take an event in. A state is never changed: the answer is another one, or the same where the event changes nothing.
 * @param {JobState} state
 * @param {JobEvent} event
 * @returns {JobState}
 */
export function fold(state, event) {
  const end = JOB_ENDS[event.type];
  if (end) return state.end ? state : stopped({ ...state, onBus: true, end, failedNode: event.node ?? "" });
  const node = state.nodes.get(event.node ?? "");
  if (!node) return state.onBus ? state : { ...state, onBus: true }; // that it was accepted
  if (event.epoch < node.epoch || (event.epoch === node.epoch && event.seq <= node.seq)) return state;
  const nodes = new Map(state.nodes).set(node.id, { ...node, ...nodeChanges(event, node) });
  return stopped({ ...state, onBus: true, begun: true, nodes }); // it may come late
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
 * What is true of the job now, as the HTTP API calls it.
 * @param {JobState} state
 * @returns {ApiStatus}
 */
export function statusOf(state) {
  if (state.end) return state.end;
  if (!state.begun) return state.onBus ? "queued" : "advertised";
  const found = new Set([...state.nodes.values()].map((node) => node.status));
  return found.has("waiting") && !found.has("running") && !found.has("ready") ? "queued" : "running";
}

/**
 * Of a failed job: the first failure that no edge handled.
 * @param {JobState} state
 */
export const errorOf = (state) => (state.failedNode ? (state.nodes.get(state.failedNode)?.error ?? null) : state.recordedError);

/**
 * A node's status for people: the bus does not tell which nodes that were pending may run now.
 * @param {JobState} state
 * @param {NodeRecord} node
 * @returns {NodeStatus}
 */
export function shownStatus(state, node) {
  if (node.status !== "pending" || !state.onBus || state.end) return node.status;
  const free = (state.parents.get(node.id) ?? []).every((id) => FINAL_NODE.has(state.nodes.get(id)?.status ?? ""));
  return free ? "ready" : "pending";
}
