// @ts-check
// The interface between views and the workbench. There are two channels: `http.js` (on a page: HTTP and one WebSocket) and the
// notebook's `comm.js` (messages of one widget model to the kernel). Views only use the exports of `api.js`.
//
// Names are operations of the HTTP API as in /openapi.json: the method, a space and the path with its parameters in braces,
// such as "GET /api/jobs/{job_id}" or "POST /api/jobs/{job_id}/cancel". `params` fills the braces. The remaining parameters
// become the query of GET and DELETE, and the JSON body of POST and PUT.
//
// Messages of the comm. Every message from a browser has `client`, the id of its page. The response goes to that client only.
//
//   browser -> kernel                                   kernel -> browser
//   {client, id, kind: "hello"}                         {client, id, kind: "answer", status: 200, answer: {}}
//   {client, id, kind: "ask", name, params}             {client, id, kind: "answer", status, answer}
//   {client, id, kind: "media", name, params, direct}   {client, id, kind: "answer", status, answer: {url}}
//     `direct`: whether this browser reaches the app    or, if the browser cannot load an address,
//                                                       answer: {sha256, mediaType, sizeBytes}: then use "bytes"
//   {client, id, kind: "bytes", sha256, start, end,     {client, id, kind: "answer", status, answer: {}} and one buffer of at
//     pieces}  `pieces`: those that "stream" describes    most a megabyte
//   {client, id, kind: "stream", sha256}                {client, id, kind: "answer", status, answer: positions of the pieces for
//                                                         a Media Source}
//   {client, id, kind: "text", sha256}                  {client, id, kind: "answer", status, answer: {text}}
//   {client, id, kind: "upload", upload, kindOfFile,    {client, id, kind: "answer", status, answer: {} or, for the last piece
//     name, size, at} and one buffer; or {path}           and for a path, {ref}}
//   {client, kind: "bye"}: the last view of the page has ended
//   {client, kind: "live", message: LiveRequest}        {client, kind: "live", message: LiveUpdate or LiveResponse}
//
// `status` and `answer` are those of the HTTP API, including errors. "live" carries the messages of WS /ws (docs/live.md). The
// kernel drops a client after 150 s without a message; a browser sends "hello" every 15 s while it watches anything.

/**
 * @typedef {Record<string, any>} Params
 * @typedef {(message: any) => void} See
 *
 * @typedef {object} Channel
 * @property {(name: string, params?: Params) => Promise<any>} ask  The JSON response. Throws ApiError.
 * @property {(jobId: string, see: See, after?: string | null) => () => void} watch  Calls `see` with every LiveUpdate of the job,
 *   with {failed: LiveResponse} if it cannot be watched, and with {connected: boolean} when the connection is lost or restored.
 *   Resumes after the last cursor. Returns a function that ends the watch.
 * @property {(name: string, params?: Params, again?: boolean, element?: Element | null) => string | Promise<string>} media  An
 *   address from which `element` can load the media of a GET operation; `again`: a new one, because the previous one has
 *   expired.
 * @property {(sha256: string) => Promise<string>} text  An artifact as text; at most its first 200 kB.
 * @property {(sha256: string, start: number, end: number) => Promise<Uint8Array>} bytes  Bytes of an artifact, `end` excluded;
 *   fewer if it is shorter.
 * @property {(name: string, params: Params) => Promise<ArrayBuffer>} file  All bytes of the media of a GET operation.
 * @property {(path: string) => string | null} page  The address of a page of the workbench; null if it cannot be opened from here.
 * @property {boolean} embedded  Whether this is a notebook, where links open new tabs.
 */

/** An error response: {message, code, details, status}; status 0 if there was no response. */
export class ApiError extends Error {
  /**
   * @param {number} status
   * @param {{error?: string, code?: string, details?: Record<string, any>}} body
   */
  constructor(status, body) {
    super(body.error ?? `the server responded with status ${status}`);
    this.status = status;
    this.code = body.code ?? "";
    this.details = body.details ?? {};
  }
}

/**
 * The path, and the remaining parameters.
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
 * Method, address and body of an operation.
 * @param {string} name
 * @param {Params} [params]
 */
export function request(name, params = {}) {
  const { method, path, rest } = fillIn(name, params);
  return method === "GET" || method === "DELETE" ? { method, address: path + query(rest), body: undefined } : { method, address: path, body: rest };
}

/**
 * A query string without empty values; lists repeat their name.
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
