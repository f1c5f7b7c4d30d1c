// @ts-check
// The API that views use. The channel behind it is HTTP on a page, and the kernel in a notebook.

import { http } from "./http.js";

export { ApiError } from "./channel.js";

/** @type {import("./channel.js").Channel} */
let channel = http;

/**
 * Use another channel from now on.
 * @param {import("./channel.js").Channel} other
 */
export const use = (other) => void (channel = other);

/**
 * The response of an operation of the HTTP API: `ask("GET /api/jobs/{job_id}", { job_id })`. Throws ApiError.
 * @template {Api.Question} Q
 * @param {Q} name
 * @param {import("./channel.js").Params} [params]
 * @returns {Promise<Api.Answer<Q>>}
 */
export const ask = (name, params) => channel.ask(name, params);

/** @type {import("./channel.js").Channel["watch"]} */
export const watchJob = (jobId, see, after) => channel.watch(jobId, see, after);

/**
 * The text of an artifact.
 * @param {string} sha256
 */
export const readText = (sha256) => channel.text(sha256);

/**
 * The bytes of the media of a GET operation.
 * @param {Api.Question} name
 * @param {import("./channel.js").Params} params
 */
export const readFile = (name, params) => channel.file(name, params);

/**
 * Bytes of an artifact, `end` excluded.
 * @param {string} sha256
 * @param {number} start
 * @param {number} end
 */
export const readBytes = (sha256, start, end) => channel.bytes(sha256, start, end);

/**
 * An address of the media of a GET operation, for an element that is not shown.
 * @param {Api.Question} name
 * @param {import("./channel.js").Params} params
 */
export const mediaUrl = (name, params) => channel.media(name, params);

/**
 * The address of a page of the workbench; null if it cannot be opened from here.
 * @param {string} path
 */
export const pageUrl = (path) => channel.page(path);

/** Whether this is a notebook. */
export const embedded = () => channel.embedded;

/**
 * Set `element[attribute]` to the address of the media of a GET operation; returns the element.
 * @template {Element} E
 * @param {E} element
 * @param {"src" | "href" | "poster"} attribute
 * @param {Api.Question} name
 * @param {import("./channel.js").Params} params
 * @param {boolean} [again]
 * @returns {E}
 */
export function setUrl(element, attribute, name, params, again = false) {
  const set = (/** @type {string} */ url) => element.setAttribute(attribute, url);
  const found = channel.media(name, params, again, element);
  if (typeof found === "string") set(found);
  else {
    let clicked = false; // before the address is known
    const remember = () => (clicked = true);
    if (element instanceof HTMLAnchorElement) element.addEventListener("click", remember);
    const follow = (/** @type {string} */ url) => {
      element.removeEventListener("click", remember);
      set(url);
      if (clicked && element instanceof HTMLElement) element.click();
    };
    found.then(follow).catch(() => null); // show nothing if it cannot be loaded
  }
  return element;
}
