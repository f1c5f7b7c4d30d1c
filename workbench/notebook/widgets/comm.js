// @ts-check
// The channel of a notebook: messages of a widget model that the kernel answers (see channel.js). Without a kernel, the
// responses saved with the notebook are used.

import { ApiError, request } from "./channel.js";
import { Feed } from "./feed.js";
import { Pieces, whole } from "./pieces.js";

const PATIENCE_MS = 1500; // then the saved responses are shown
const ALIVE_MS = 15_000;
const SECOND_TRY_MS = 500; // a first message may precede the kernel's thread for widgets, and then waits for the running cell
const PROBE_MS = 5000;
const PIECE_BYTES = 1 << 20; // size of an upload's pieces

/**
 * @typedef {{resolve: (answer: Answer) => void, reject: (error: Error) => void, saved?: any}} Waiting
 * @typedef {{status: number, answer: any, buffers: DataView[]}} Answer
 */

/**
 * One per page and kernel. Events: `change` when the kernel starts or stops responding, and when it has ended.
 * @typedef {import("./channel.js").Channel} Channel
 * @implements {Channel}
 */
export class Comm extends EventTarget {
  embedded = true;

  /** @type {boolean | null} null while unknown */
  live = null;

  /** Whether the kernel has ended; a kernel that does not respond may only be busy. */
  gone = false;

  #host;
  #client = crypto.randomUUID();
  #count = 0;
  /** @type {Map<number, Waiting>} */
  #waiting = new Map();
  /** @type {Map<string, any>} address -> answer */
  #saved = new Map();
  /** @type {any} */
  #socket = null;
  #feed = new Feed(() => this.#open());
  /** @type {Promise<boolean> | null} */
  #hello = null;
  /** @type {Promise<boolean> | null} */
  #direct = null;
  /** @type {any} */
  #doubt = null;
  #unheard = 0;
  #views = 0;
  /** @type {any} */
  #timer = null;

  /** @param {any} host  The model of the modules. */
  constructor(host) {
    super();
    this.#host = host;
    host.on("msg:custom", (message, buffers) => message.client === this.#client && this.#hear(message, buffers));
    host.on("comm_live_update", () => (host.comm_live === false ? this.#lost() : this.hello()));
  }

  /** A view starts; call the returned function when it ends. The last one stops all activity here. */
  enter() {
    this.#views += 1;
    this.#timer ??= setInterval(() => this.#keepAlive(), ALIVE_MS);
    return () => {
      this.#views -= 1;
      if (this.#views) return;
      clearInterval(this.#timer);
      this.#timer = null;
      this.#shut();
      if (this.live && this.#host.comm_live !== false) this.#send({ kind: "bye" });
    };
  }

  /** Add the saved responses of a view: answers by address. */
  remember(answers) {
    for (const [address, answer] of Object.entries(answers ?? {})) this.#saved.set(address, answer);
  }

  /** Whether the kernel responds; false after a short wait. A busy kernel may respond later, which causes a `change`. */
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
        if (this.live === null && !live && !this.gone) setTimeout(() => this.live === false && this.hello(), SECOND_TRY_MS);
        this.#turn(live);
        resolve(live);
      };
      const timer = setTimeout(() => settle(false), PATIENCE_MS);
      this.#answer({ kind: "hello" }).then(() => settle(true), () => settle(false));
    });
    return this.#hello;
  }

  // -- the channel ------------------------------------------------------------------------------------------------------

  /** @type {import("./channel.js").Channel["ask"]} */
  async ask(name, params) {
    const { method, address } = request(name, params);
    const saved = method === "GET" ? this.#saved.get(address) : undefined;
    if (await this.hello()) return this.#asked({ kind: "ask", name, params }, saved);
    if (saved !== undefined) return structuredClone(saved);
    throw this.#away();
  }

  /** @type {import("./channel.js").Channel["watch"]} */
  watch(jobId, see, after) {
    return this.#feed.watch(jobId, see, after);
  }

  /** @type {import("./channel.js").Channel["media"]} */
  media(name, params, again = false, element = null) {
    const saved = this.#saved.get(`media:${request(name, params).address}`);
    return saved?.startsWith("data:") && !again ? saved : this.#media(name, params, saved, again, element);
  }

  /** @type {import("./channel.js").Channel["text"]} */
  async text(sha256) {
    const saved = this.#saved.get(`text:/api/artifacts/${sha256}`);
    if (saved !== undefined) return saved;
    if (!(await this.hello())) throw this.#away();
    return (await this.#asked({ kind: "text", sha256 })).text;
  }

  /** @type {import("./channel.js").Channel["bytes"]} */
  bytes(sha256, start, end) {
    return this.#bytes({ sha256, start, end });
  }

  /** @type {import("./channel.js").Channel["file"]} */
  async file(name, params) {
    if (!(await this.hello())) throw this.#away();
    const { sha256, sizeBytes } = await this.#asked({ kind: "media", name, params, direct: false });
    return new Blob(await whole((start, end) => this.#bytes({ sha256, start, end }), sizeBytes)).arrayBuffer();
  }

  /** @param {string} path */
  page(path) {
    const page = this.#host.get("page");
    return page ? page + path : null;
  }

  /**
   * Send a file to the kernel, or the path of one on the kernel's machine. Returns {ref, warnings} of the stored file.
   * @param {File | string} file
   * @param {string} kindOfFile
   * @param {(share: number) => void} [told]
   */
  async upload(file, kindOfFile, told = () => {}) {
    if (!(await this.hello())) throw this.#away();
    if (typeof file === "string") return this.#asked({ kind: "upload", path: file, kindOfFile });
    const upload = crypto.randomUUID();
    for (let at = 0; ; at += PIECE_BYTES) {
      const piece = await file.slice(at, at + PIECE_BYTES).arrayBuffer();
      const taken = await this.#asked({ kind: "upload", upload, name: file.name, size: file.size, at, kindOfFile }, undefined, [piece]);
      told(Math.min(1, (at + PIECE_BYTES) / file.size));
      if (taken.ref) return taken;
    }
  }

  // -- media --------------------------------------------------------------------------------------------------------------

  async #media(name, params, saved, again, element) {
    if (!(await this.hello())) {
      if (saved) return saved;
      throw this.#away();
    }
    const direct = await this.#reachesApp(again);
    const { url, sha256, mediaType, sizeBytes } = await this.#asked({ kind: "media", name, params, direct });
    if (url) return url;
    const read = (start, end) => this.#bytes({ sha256, start, end });
    if (element instanceof HTMLMediaElement) {
      const index = () => this.#asked({ kind: "stream", sha256 });
      return new Pieces(element, index, (start, end) => this.#bytes({ sha256, start, end, pieces: true })).address;
    }
    const load = async () => URL.createObjectURL(new Blob(await whole(read, sizeBytes), { type: mediaType }));
    if (!(element instanceof HTMLAnchorElement)) return load();
    element.onclick = async (event) => {
      event.preventDefault(); // the file is loaded when the user follows the link
      const link = document.createElement("a");
      link.href = await load();
      if (element.hasAttribute("download")) link.download = element.download || sha256.slice(0, 12);
      else link.target = "_blank";
      link.click();
    };
    return "#";
  }

  /** Whether this browser reaches the app, so that media come from there. Checked once, and again after media fail to load. */
  #reachesApp(again) {
    const probe = this.#host.get("probe");
    if (again) this.#direct = null;
    this.#direct ??= probe
      ? fetch(probe, { mode: "no-cors", credentials: "omit", signal: AbortSignal.timeout(PROBE_MS) }).then(
          (answer) => answer.ok || answer.type === "opaque",
          () => false,
        )
      : Promise.resolve(false);
    return this.#direct;
  }

  /** @param {{sha256: string, start: number, end: number, pieces?: boolean}} range */
  async #bytes(range) {
    if (!(await this.hello())) throw this.#away();
    const { status, answer, buffers } = await this.#answer({ kind: "bytes", ...range });
    if (status >= 400 || !buffers[0]) throw new ApiError(status, answer);
    const { buffer, byteOffset, byteLength } = buffers[0];
    return new Uint8Array(buffer, byteOffset, byteLength);
  }

  // -- messages ---------------------------------------------------------------------------------------------------------

  #open() {
    /** @type {any} */
    const socket = { readyState: WebSocket.CONNECTING, send: (text) => this.#send({ kind: "live", message: JSON.parse(text) }), close: () => this.#shut() };
    this.#socket = socket;
    this.hello().then((live) => {
      if (this.#socket !== socket) return; // closed in the meantime
      if (!live) return this.#shut();
      socket.readyState = WebSocket.OPEN;
      return socket.onopen?.();
    });
    return socket;
  }

  #shut() {
    const socket = this.#socket;
    if (!socket) return;
    this.#socket = null;
    socket.readyState = WebSocket.CLOSED;
    socket.onclose?.({ code: 1006 });
  }

  #send(message, buffers) {
    this.#host.send({ client: this.#client, ...message }, undefined, buffers);
  }

  /**
   * The response; `saved` instead if the kernel does not respond.
   * @returns {Promise<Answer>}
   */
  #answer(message, saved, buffers) {
    const id = (this.#count += 1);
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject, saved });
      this.#send({ id, ...message }, buffers);
      if (message.kind !== "hello") setTimeout(() => this.#waiting.has(id) && this.#late(), PATIENCE_MS);
    });
  }

  /** The response as JSON. Throws ApiError for an error response. */
  async #asked(message, saved, buffers) {
    const { status, answer } = await this.#answer(message, saved, buffers);
    if (status >= 400) throw new ApiError(status, answer);
    return answer;
  }

  /** Handle a late response. It may take long to compute, but a responsive kernel answers a greeting at once. */
  #late() {
    if (this.#doubt || !this.live) return;
    this.#doubt = setTimeout(() => {
      this.#doubt = null;
      this.#turn(false);
    }, PATIENCE_MS);
    this.#answer({ kind: "hello" }).catch(() => null);
  }

  #hear(message, buffers) {
    this.#unheard = 0;
    clearTimeout(this.#doubt);
    this.#doubt = null;
    if (message.kind === "live") return this.#socket?.onmessage?.({ data: JSON.stringify(message.message) });
    this.#waiting.get(message.id)?.resolve({ ...message, buffers });
    this.#waiting.delete(message.id);
    return this.#turn(true);
  }

  #turn(live) {
    const gone = this.#host.comm_live === false;
    if (this.live === live && this.gone === gone) return;
    this.live = live;
    this.gone = gone;
    for (const [id, { resolve, saved }] of live ? [] : this.#waiting) {
      if (saved === undefined) continue;
      this.#waiting.delete(id);
      resolve({ status: 200, answer: structuredClone(saved), buffers: [] });
    }
    this.dispatchEvent(new Event("change"));
  }

  #lost() {
    for (const { reject } of this.#waiting.values()) reject(this.#away());
    this.#waiting.clear();
    this.#shut();
    this.#turn(false);
  }

  #away() {
    return this.#host.comm_live === false
      ? new ApiError(0, { error: "the kernel of this notebook does not run", code: "kernel.away", details: { remedy: "Run the cell again." } })
      : new ApiError(0, { error: "the kernel of this notebook does not respond now", code: "kernel.busy", details: { remedy: "Wait for it, or interrupt it." } });
  }

  /** Keep the page known to the kernel, which forgets silent pages, and detect the end of the kernel. */
  #keepAlive() {
    if (this.#host.comm_live === false) return;
    if (this.live && this.#socket) {
      if ((this.#unheard += 1) > 3) return this.#lost();
      this.#answer({ kind: "hello" }).catch(() => null);
    } else if (this.live === false) this.hello();
  }
}
