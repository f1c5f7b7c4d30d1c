// @ts-check
// One WebSocket for all watched jobs. Subscriptions survive a disconnect: each resumes from its last cursor.

const FIRST_PAUSE_MS = 300;
const LONGEST_PAUSE_MS = 8000;
const AGAIN_MS = 2000;
const LASTING = new Set(["job.unknown", "request.invalid", "access.too_many"]);
const SILENT_MS = 40_000; // the server sends a heartbeat every 15 s

/**
 * @typedef {import("./channel.js").See} See
 * @typedef {Pick<WebSocket, "readyState" | "send" | "close" | "onopen" | "onmessage" | "onclose">} SocketLike
 * @typedef {{cursor: string | null, watchers: Set<See>}} Watched
 */

export class Feed {
  /** @type {SocketLike | null} */
  #socket = null;
  /** @type {Map<string, Watched>} */
  #jobs = new Map();
  #pause = FIRST_PAUSE_MS;
  #lastMessageAt = 0;
  /** @type {ReturnType<typeof setInterval> | undefined} */
  #timer;
  #connected = false;
  #connect;
  #refused;

  /**
   * @param {() => SocketLike} connect
   * @param {(code: number) => unknown} refused  Whether the user must act after this close code, for example log in.
   */
  constructor(connect, refused = () => false) {
    this.#connect = connect;
    this.#refused = refused;
  }

  /** @type {import("./channel.js").Channel["watch"]} */
  watch(jobId, see, after = null) {
    let job = this.#jobs.get(jobId);
    if (!job) {
      job = { cursor: after, watchers: new Set() };
      this.#jobs.set(jobId, job);
      this.#send("subscribe", jobId, after);
    } else {
      // Another watcher exists, so a new subscription requests the complete state again.
      this.#send("unsubscribe", jobId);
      this.#send("subscribe", jobId, null);
    }
    const joined = job;
    joined.watchers.add(see);
    this.#open();
    return () => {
      joined.watchers.delete(see);
      if (!joined.watchers.size && this.#jobs.get(jobId) === joined) {
        this.#jobs.delete(jobId);
        this.#send("unsubscribe", jobId);
      }
    };
  }

  /**
   * @param {"subscribe" | "unsubscribe"} action
   * @param {string} jobId
   * @param {string | null} after
   */
  #send(action, jobId, after = null) {
    if (this.#socket?.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify(after ? { action, jobId, after } : { action, jobId }));
  }

  #open() {
    if (this.#socket || !this.#jobs.size) return;
    const socket = this.#connect();
    this.#socket = socket;
    socket.onopen = () => {
      this.#pause = FIRST_PAUSE_MS;
      this.#lastMessageAt = Date.now();
      this.#notify(true);
      for (const [jobId, job] of this.#jobs) this.#send("subscribe", jobId, job.cursor);
    };
    socket.onmessage = (message) => {
      this.#lastMessageAt = Date.now();
      this.#receive(JSON.parse(message.data));
    };
    socket.onclose = (closed) => {
      this.#socket = null;
      clearInterval(this.#timer);
      this.#timer = undefined;
      if (this.#refused(closed.code)) this.#pause = LONGEST_PAUSE_MS; // the user needs time to log in
      if (!this.#jobs.size) return;
      this.#notify(false);
      setTimeout(() => this.#open(), this.#pause * (0.75 + Math.random() / 2));
      this.#pause = Math.min(LONGEST_PAUSE_MS, this.#pause * 1.7);
    };
    this.#timer ??= setInterval(() => {
      if (this.#socket && Date.now() - this.#lastMessageAt > SILENT_MS) this.#socket.close();
    }, 5000);
  }

  #receive(message) {
    const job = this.#jobs.get(message.jobId);
    if (!job) return;
    if (message.type === "update") {
      if (message.cursor) job.cursor = message.cursor;
      for (const see of [...job.watchers]) see(message);
    } else if (message.action === "response" && message.message === "failed") {
      for (const see of [...job.watchers]) see({ failed: message });
      // Other errors are temporary, so subscribe again from the last cursor.
      if (!LASTING.has(message.code)) setTimeout(() => this.#jobs.get(message.jobId) === job && this.#send("subscribe", message.jobId, job.cursor), AGAIN_MS);
    }
  }

  #notify(connected) {
    if (this.#connected === connected) return;
    this.#connected = connected;
    for (const job of this.#jobs.values()) for (const see of [...job.watchers]) see({ connected });
  }
}
