// @ts-check
// The way from a view to the workbench. There are two: `http.js` (a page: HTTP and one WebSocket) and the notebook's `comm.js`
// (messages of one widget model, answered by the kernel). Views know neither; they use what `api.js` exports.
//
// Names of questions are operations of the HTTP API as /openapi.json has them: the method, a space and the path with its
// parameters in braces, such as "GET /api/jobs/{job_id}" or "POST /api/jobs/{job_id}/cancel". `params` fills the braces; of what
// is left GET and DELETE make a query and POST and PUT a JSON body.
//
// Messages of the comm. Every one from a browser has `client`, the id of its page, and is answered to that client alone.
//
//   browser -> kernel                                   kernel -> browser
//   {client, id, kind: "hello"}                         {client, id, kind: "answer", status: 200, answer: {}}
//   {client, id, kind: "ask", name, params}             {client, id, kind: "answer", status, answer}
//   {client, id, kind: "media", name, params, direct}   {client, id, kind: "answer", status, answer: {url}}
//     `direct`: whether this browser reaches the app    or, where no address can be loaded from here,
//                                                       answer: {sha256, mediaType, sizeBytes}: then by "bytes"
//   {client, id, kind: "bytes", sha256, start, end,     {client, id, kind: "answer", status, answer: {}} and one buffer of at
//     pieces}  `pieces`: of what "stream" describes       most a megabyte
//   {client, id, kind: "stream", sha256}                {client, id, kind: "answer", status, answer: where the pieces are that a
//                                                         Media Source takes}
//   {client, id, kind: "text", sha256}                  {client, id, kind: "answer", status, answer: {text}}
//   {client, id, kind: "upload", upload, kindOfFile,    {client, id, kind: "answer", status, answer: {} or, for the last piece
//     name, size, at} and one buffer; or {path}           and for a path, {ref}}
//   {client, kind: "bye"}: its last view has ended
//   {client, kind: "live", message: LiveRequest}        {client, kind: "live", message: LiveUpdate or LiveResponse}
//
// `status` and `answer` are those of the HTTP API, refusals included. "live" carries the messages of WS /ws (docs/live.md). The
// kernel forgets a client that was silent for 150 s; a browser says hello every 15 s while it watches anything.

/**
 * @typedef {Record<string, any>} Params
 * @typedef {(message: any) => void} See
 *
 * @typedef {object} Channel
 * @property {(name: string, params?: Params) => Promise<any>} ask  The JSON answer. Throws ApiError.
 * @property {(jobId: string, see: See, after?: string | null) => () => void} watch  Calls `see` with every LiveUpdate of the job,
 *   {failed: LiveResponse} where it cannot be watched, and {connected: boolean} when the way breaks or is there again. Goes on
 *   behind the last cursor by itself. Returns what ends it.
 * @property {(name: string, params?: Params, again?: boolean, element?: Element | null) => string | Promise<string>} media  An
 *   address that `element` can load what a GET question leads to from; `again`: a fresh one, because the last one does not serve
 *   any longer.
 * @property {(sha256: string) => Promise<string>} text  An artifact as text; at most its first 200 kB.
 * @property {(sha256: string, start: number, end: number) => Promise<Uint8Array>} bytes  Of an artifact, `end` not included;
 *   fewer where it is shorter.
 * @property {(path: string) => string | null} page  The address of a page for people; null where none can be opened from here.
 * @property {boolean} embedded  Whether it leads through a notebook: other origins' bytes cannot be read, links open a new tab.
 */

/** A refusal: {message, code, details, status}; status 0 where nothing answered. */
export class ApiError extends Error {
  /**
   * @param {number} status
   * @param {{error?: string, code?: string, details?: Record<string, any>}} body
   */
  constructor(status, body) {
    super(body.error ?? `the server answered ${status}`);
    this.status = status;
    this.code = body.code ?? "";
    this.details = body.details ?? {};
  }
}

/**
 * The path and what is left of the parameters.
 * @param {string} name
 * @param {Params} [params]
 */
export function fillIn(name, params = {}) {
  const rest = { ...params };
  const [method, template] = /** @type {[string, string]} */ (name.split(" "));
  const path = template.replace(/\{(\w+)\}/g, (_, key) => {
    if (rest[key] === undefined) throw new Error(`${name} needs ${key}`);
    const value = encodeURIComponent(rest[key]);
    delete rest[key];
    return value;
  });
  return { method, path, rest };
}

/**
 * Method, address and body of a question.
 * @param {string} name
 * @param {Params} [params]
 */
export function request(name, params = {}) {
  const { method, path, rest } = fillIn(name, params);
  return method === "GET" || method === "DELETE" ? { method, address: path + query(rest), body: undefined } : { method, address: path, body: rest };
}

/**
 * A query string without what is empty; lists repeat their name.
 * @param {Params} values
 */
export function query(values) {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(values)) {
    for (const one of Array.isArray(value) ? value : [value]) {
      if (one !== "" && one !== null && one !== undefined) search.append(name, one);
    }
  }
  const text = search.toString();
  return text ? `?${text}` : "";
}
