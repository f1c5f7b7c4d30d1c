// @ts-check
// The channel of a page: the HTTP API and one WebSocket of the server of the page.

import { ApiError, request } from "./channel.js";
import { Feed } from "./feed.js";

const LOGIN_REQUIRED = 4401;
const UNREACHABLE = { error: "the workbench does not respond", code: "app.unreachable", details: { remedy: "It may be restarting; this page reconnects automatically. Otherwise check `workbench status`." } };

/** @type {Promise<{csrfToken?: string}> | null} */
let session = null;

const feed = new Feed(() => new WebSocket(window.location.origin.replace(/^http/, "ws") + "/ws"), (code) => code === LOGIN_REQUIRED && askForLogin());

/** @type {import("./channel.js").Channel} */
export const http = {
  embedded: false,
  page: (path) => path,
  watch: (jobId, see, after) => feed.watch(jobId, see, after),
  media: (name, params) => request(name, params).address,

  async ask(name, params) {
    const { method, address, body } = request(name, params);
    /** @type {Record<string, string>} */
    const headers = { Accept: "application/json" };
    if (method !== "GET") headers["X-CSRF-Token"] = (await csrf()) ?? "";
    if (body) headers["Content-Type"] = "application/json";
    const answer = await load(address, { method, headers, credentials: "same-origin", body: body && JSON.stringify(body) });
    return read(answer.status, await answer.text());
  },

  async text(sha256) {
    return (await load(`/api/artifacts/${sha256}`)).text();
  },

  async file(name, params) {
    return (await load(request(name, params).address)).arrayBuffer();
  },

  async bytes(sha256, start, end) {
    const answer = await load(`/api/artifacts/${sha256}`, { headers: { Range: `bytes=${start}-${end - 1}` } });
    return new Uint8Array(await answer.arrayBuffer());
  },
};

/**
 * Store a file; returns its reference and warnings. Throws ApiError.
 * @param {File} file
 * @param {string} kind  image, audio or video.
 * @returns {Promise<Api.Schema<"Upload">>}
 */
export async function upload(file, kind) {
  const form = new FormData();
  form.append("kind", kind); // before the file
  form.append("file", file);
  const answer = await load("/api/uploads", { method: "POST", headers: { Accept: "application/json", "X-CSRF-Token": (await csrf()) ?? "" }, credentials: "same-origin", body: form });
  return read(answer.status, await answer.text());
}

async function csrf() {
  session ??= http.ask("GET /api/session").catch((error) => {
    session = null;
    throw error;
  });
  return (await session.catch(() => null))?.csrfToken;
}

/**
 * @param {string} address
 * @param {RequestInit} [options]
 */
async function load(address, options) {
  const answer = await fetch(address, options).catch(() => {
    throw new ApiError(0, UNREACHABLE);
  });
  if (answer.status === 401) askForLogin();
  if (!answer.ok) read(answer.status, await answer.text());
  return answer;
}

/**
 * The JSON of a response. Throws ApiError for an error status.
 * @param {number} status
 * @param {string} text
 */
function read(status, text) {
  let body;
  try {
    body = text ? JSON.parse(text) : {};
  } catch {
    body = { error: `the server responded with status ${status}, but not with JSON` };
  }
  if (status >= 400) throw new ApiError(status, body);
  return body;
}

/** Show once that the session has ended. The page keeps all inputs. */
function askForLogin() {
  if (document.getElementById("wb-login-again")) return;
  const link = document.createElement("a");
  link.href = `/login?next=${encodeURIComponent(window.location.pathname + window.location.search)}`;
  link.target = "_blank"; // a login in another tab keeps this page
  link.textContent = "Log in again";
  link.addEventListener("click", () => {
    session = null;
    document.getElementById("wb-login-again")?.remove();
  });
  const messages = document.createElement("p");
  messages.id = "wb-login-again";
  messages.className = "wb-notice wb-login-again";
  messages.setAttribute("role", "alert");
  messages.append("Your session has ended. ", link, " in another tab. This page keeps what you typed.");
  document.body.prepend(messages);
}
