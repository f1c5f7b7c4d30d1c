// @ts-check
// The way to the bench through the kernel: calls, addresses of media, and a socket, over the messages of one model. What
// was known when the notebook was saved is the answer where no kernel runs.

import { ApiError, use } from "./api.js";
import { request } from "./channel.js";
import { Feed } from "./feed.js";

const PATIENCE_MS = 1500; // then what is saved is shown
const ALIVE_MS = 15_000;

/** One a page and kernel. Events: `change`, when the kernel begins or ceases to answer, and when it has ended. */
export class Kernel extends EventTarget {
  #host;
  #client = crypto.randomUUID();
  #count = 0;
  #waiting = new Map(); // id -> {resolve, reject, saved}
  #sockets = new Map();
  #saved = new Map(); // path -> answer
  #hello = null;
  #doubt = null;
  #unheard = 0;
  #feed = new Feed(() => this.#open());
  #views = 0;
  #timer = null;

  /** null until it is known. */
  live = null;

  /** Whether the kernel is known to have ended; one that does not answer may only be busy. */
  gone = false;

  constructor(host) {
    super();
    this.#host = host;
    use(this);
    host.on("msg:custom", (message) => message.client === this.#client && this.#hear(message));
    host.on("comm_live_update", () => (host.comm_live === false ? this.#lost() : this.hello()));
  }

  /** A view begins; the answer is to be called when it ends. With the last one everything here rests. */
  enter() {
    this.#views += 1;
    this.#timer ??= setInterval(() => this.#keepAlive(), ALIVE_MS);
    return () => {
      this.#views -= 1;
      if (this.#views) return;
      clearInterval(this.#timer);
      this.#timer = null;
      for (const name of [...this.#sockets.keys()]) this.#shut(name, true);
    };
  }

  /** What a view brings from the notebook file. */
  remember(answers) {
    for (const [path, answer] of Object.entries(answers ?? {})) this.#saved.set(path, answer);
  }

  saved(path) {
    return this.#saved.get(path);
  }

  /** Whether the kernel answers; false after a moment without. A kernel that is busy may answer later: then `change`. */
  hello() {
    if (this.live) return Promise.resolve(true);
    if (this.#host.comm_live === false) {
      this.#turn(false);
      return Promise.resolve(false);
    }
    this.#hello ??= new Promise((resolve) => {
      const settle = (live) => {
        clearTimeout(timer);
        this.#hello = null;
        this.#turn(live);
        resolve(live);
      };
      const timer = setTimeout(() => settle(false), PATIENCE_MS);
      this.#ask({ kind: "hello" }).then(() => settle(true), () => settle(false));
    });
    return this.#hello;
  }

  // -- the channel ----------------------------------------------------------------------------------------------------

  embedded = true;

  page(path) {
    return this.#host.get("page") ? this.#host.get("page") + path : null;
  }

  watch(jobId, see, after) {
    return this.#feed.watch(jobId, see, after);
  }

  async ask(name, params) {
    const { method, address: path, body } = request(name, params);
    if (await this.hello()) {
      const saved = method === "GET" ? this.#saved.get(path) : undefined;
      const { status, answer } = await this.#ask({ kind: "call", method, path, body }, saved);
      if (status >= 400) throw new ApiError(status, answer);
      return answer;
    }
    if (method === "GET" && this.#saved.has(path)) return structuredClone(this.#saved.get(path));
    throw this.#away();
  }

  /** Where the bytes of a path are; pictures that are small come as data: URLs. */
  media(name, params, again = false) {
    const path = request(name, params).address;
    const saved = this.#saved.get(`media:${path}`);
    if (saved && !again) return saved;
    return this.hello().then(async (live) => {
      if (!live) throw this.#away();
      const { status, answer } = await this.#ask({ kind: "media", path });
      if (status >= 400) throw new ApiError(status, answer);
      return answer.url;
    });
  }

  async text(sha256) {
    const path = `/api/artifacts/${sha256}`;
    const saved = this.#saved.get(`text:${path}`);
    if (saved !== undefined) return saved;
    if (!(await this.hello())) throw this.#away();
    const { status, answer } = await this.#ask({ kind: "text", path });
    if (status >= 400) throw new ApiError(status, answer);
    return answer.text;
  }

  #open() {
    const name = `${this.#client}-${(this.#count += 1)}`;
    const socket = {
      readyState: WebSocket.CONNECTING,
      send: (text) => this.#send({ kind: "send", socket: name, text }),
      close: () => this.#shut(name, true),
    };
    this.#sockets.set(name, socket);
    this.hello().then((live) => {
      if (this.#sockets.get(name) !== socket) return; // closed meanwhile
      if (!live) return this.#shut(name, false);
      this.#send({ kind: "open", socket: name });
      socket.readyState = WebSocket.OPEN;
      return socket.onopen?.();
    });
    return socket;
  }

  // -- messages ---------------------------------------------------------------------------------------------------------

  #send(message) {
    this.#host.send({ client: this.#client, ...message });
  }

  /** The answer; `saved` in its place where the kernel hears nothing. */
  #ask(message, saved) {
    const id = (this.#count += 1);
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject, saved });
      this.#send({ id, ...message });
      if (message.kind !== "hello") setTimeout(() => this.#waiting.has(id) && this.#late(), PATIENCE_MS);
    });
  }

  /** An answer is late. It may take long to make; but a kernel that hears answers a greeting at once. */
  #late() {
    if (this.#doubt || !this.live) return;
    this.#doubt = setTimeout(() => {
      this.#doubt = null;
      this.#turn(false);
    }, PATIENCE_MS);
    this.#ask({ kind: "hello" }).catch(() => null);
  }

  #hear(message) {
    this.#unheard = 0;
    clearTimeout(this.#doubt);
    this.#doubt = null;
    if (message.kind === "answer") {
      this.#waiting.get(message.id)?.resolve(message);
      this.#waiting.delete(message.id);
      this.#turn(true);
    } else if (message.kind === "message") this.#sockets.get(message.socket)?.onmessage?.({ data: message.text });
    else if (message.kind === "closed") this.#shut(message.socket, false);
  }

  #shut(name, tell) {
    const socket = this.#sockets.get(name);
    if (!socket) return;
    this.#sockets.delete(name);
    const opened = socket.readyState === WebSocket.OPEN;
    socket.readyState = WebSocket.CLOSED;
    if (tell && opened && this.#host.comm_live !== false) this.#send({ kind: "close", socket: name });
    socket.onclose?.({ code: 1006 });
  }

  #turn(live) {
    const gone = this.#host.comm_live === false;
    if (this.live === live && this.gone === gone) return;
    this.live = live;
    this.gone = gone;
    for (const [id, { resolve, saved }] of live ? [] : this.#waiting) {
      if (saved === undefined) continue;
      this.#waiting.delete(id);
      resolve({ status: 200, answer: structuredClone(saved) });
    }
    this.dispatchEvent(new Event("change"));
  }

  #lost() {
    for (const { reject } of this.#waiting.values()) reject(this.#away());
    this.#waiting.clear();
    for (const name of [...this.#sockets.keys()]) this.#shut(name, true);
    this.#turn(false);
  }

  #away() {
    return this.#host.comm_live === false
      ? new ApiError(0, { error: "the kernel of this notebook does not run", code: "kernel.away", details: { remedy: "Run the cell again." } })
      : new ApiError(0, { error: "the kernel of this notebook does not answer now", code: "kernel.busy", details: { remedy: "Wait for it, or interrupt it." } });
  }

  /** The kernel closes sockets of pages that are gone, and a page sees by this that the kernel is. */
  #keepAlive() {
    if (this.#host.comm_live === false) return;
    if (this.live && this.#sockets.size) {
      if ((this.#unheard += 1) > 3) return this.#lost();
      this.#ask({ kind: "hello" }).catch(() => null);
    } else if (this.live === false) this.hello();
  }
}
