// @ts-check
// One socket for all jobs that are watched here. Subscriptions outlive it: after a break each goes on from the last cursor.

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
  #heard = 0;
  /** @type {ReturnType<typeof setInterval> | undefined} */
  #timer;
  #connected = false;
  #connect;
  #refused;

  /**
   * @param {() => SocketLike} connect
   * @param {(code: number) => unknown} refused  Whether a person must do something about that close code first.
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
      this.#ask("subscribe", jobId, after);
    } else {
      // Somebody here watches it already: the whole state comes again with a new subscription.
      this.#ask("unsubscribe", jobId);
      this.#ask("subscribe", jobId, null);
    }
    const joined = job;
    joined.watchers.add(see);
    this.#open();
    return () => {
      joined.watchers.delete(see);
      if (!joined.watchers.size && this.#jobs.get(jobId) === joined) {
        this.#jobs.delete(jobId);
        this.#ask("unsubscribe", jobId);
      }
    };
  }

  /**
   * @param {"subscribe" | "unsubscribe"} action
   * @param {string} jobId
   * @param {string | null} after
   */
  #ask(action, jobId, after = null) {
    if (this.#socket?.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify(after ? { action, jobId, after } : { action, jobId }));
  }

  #open() {
    if (this.#socket || !this.#jobs.size) return;
    const socket = this.#connect();
    this.#socket = socket;
    socket.onopen = () => {
      this.#pause = FIRST_PAUSE_MS;
      this.#heard = Date.now();
      this.#say(true);
      for (const [jobId, job] of this.#jobs) this.#ask("subscribe", jobId, job.cursor);
    };
    socket.onmessage = (message) => {
      this.#heard = Date.now();
      this.#take(JSON.parse(message.data));
    };
    socket.onclose = (closed) => {
      this.#socket = null;
      clearInterval(this.#timer);
      this.#timer = undefined;
      if (this.#refused(closed.code)) this.#pause = LONGEST_PAUSE_MS; // somebody types a password meanwhile
      if (!this.#jobs.size) return;
      this.#say(false);
      setTimeout(() => this.#open(), this.#pause * (0.75 + Math.random() / 2));
      this.#pause = Math.min(LONGEST_PAUSE_MS, this.#pause * 1.7);
    };
    this.#timer ??= setInterval(() => {
      if (this.#socket && Date.now() - this.#heard > SILENT_MS) this.#socket.close();
    }, 5000);
  }

  /** @param {any} message */
  #take(message) {
    const job = this.#jobs.get(message.jobId);
    if (!job) return;
    if (message.type === "update") {
      if (message.cursor) job.cursor = message.cursor;
      for (const see of [...job.watchers]) see(message);
    } else if (message.action === "response" && message.message === "failed") {
      for (const see of [...job.watchers]) see({ failed: message });
      // What this job is not to blame for passes; it is asked for again, from where it was.
      if (!LASTING.has(message.code)) setTimeout(() => this.#jobs.get(message.jobId) === job && this.#ask("subscribe", message.jobId, job.cursor), AGAIN_MS);
    }
  }

  /** @param {boolean} connected */
  #say(connected) {
    if (this.#connected === connected) return;
    this.#connected = connected;
    for (const job of this.#jobs.values()) for (const see of [...job.watchers]) see({ connected });
  }
}
