// One WebSocket a page. Subscriptions outlive it: after a break each goes on from the last cursor it saw.

import { askForLogin, place } from "./api.js";

const FIRST_PAUSE_MS = 300;
const LONGEST_PAUSE_MS = 8000;
const LOGIN_REQUIRED = 4401;
const AGAIN_MS = 2000;
const LASTING = new Set(["job.unknown", "request.invalid", "access.too_many"]);
const SILENT_MS = 40000; // the server sends a heartbeat every 15 s

class Feed {
  #socket = null;
  #jobs = new Map(); // jobId -> {cursor, watchers: Set}
  #pause = FIRST_PAUSE_MS;
  #heard = 0;
  #timer = null;
  connected = false;

  /** Calls `see(update)` for every update, {failed} once for a job that cannot be watched, {connected} on a break. */
  watch(jobId, see, after = null) {
    let job = this.#jobs.get(jobId);
    if (!job) {
      job = { cursor: after, watchers: new Set() };
      this.#jobs.set(jobId, job);
      this.#ask("subscribe", jobId, after);
    } else {
      // Somebody on this page watches it already: the whole state comes again with a new subscription.
      this.#ask("unsubscribe", jobId);
      this.#ask("subscribe", jobId, null);
    }
    job.watchers.add(see);
    this.#open();
    return () => {
      job.watchers.delete(see);
      if (!job.watchers.size && this.#jobs.get(jobId) === job) {
        this.#jobs.delete(jobId);
        this.#ask("unsubscribe", jobId);
      }
    };
  }

  #ask(action, jobId, after = null) {
    if (this.#socket?.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify(after ? { action, jobId, after } : { action, jobId }));
  }

  #open() {
    if (this.#socket || !this.#jobs.size) return;
    const socket = place.transport ? place.transport.open() : new WebSocket((place.base || window.location.origin).replace(/^http/, "ws") + "/ws");
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
      this.#timer = null;
      if (closed.code === LOGIN_REQUIRED && !place.base) {
        askForLogin();
        this.#pause = LONGEST_PAUSE_MS; // somebody types a password meanwhile
      }
      if (!this.#jobs.size) return;
      this.#say(false);
      setTimeout(() => this.#open(), this.#pause * (0.75 + Math.random() / 2));
      this.#pause = Math.min(LONGEST_PAUSE_MS, this.#pause * 1.7);
    };
    this.#timer ??= setInterval(() => {
      if (this.#socket && Date.now() - this.#heard > SILENT_MS) this.#socket.close();
    }, 5000);
  }

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

  #say(connected) {
    if (this.connected === connected) return;
    this.connected = connected;
    for (const job of this.#jobs.values()) for (const see of [...job.watchers]) see({ connected });
  }
}

export const feed = new Feed();
