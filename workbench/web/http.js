// @ts-check
// The channel of a page: the HTTP API and one WebSocket of the server that the page came from.

import { ApiError, request } from "./channel.js";
import { Feed } from "./feed.js";

const LOGIN_REQUIRED = 4401;
const UNREACHABLE = { error: "the workbench does not answer", code: "app.unreachable", details: { remedy: "It may be restarting; this page goes on by itself. Otherwise: `workbench status`." } };

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

  async bytes(sha256, start, end) {
    const answer = await load(`/api/artifacts/${sha256}`, { headers: { Range: `bytes=${start}-${end - 1}` } });
    return new Uint8Array(await answer.arrayBuffer());
  },
};

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
 * The JSON of an answer. Throws ApiError for a refusal.
 * @param {number} status
 * @param {string} text
 */
function read(status, text) {
  let body;
  try {
    body = text ? JSON.parse(text) : {};
  } catch {
    body = { error: `the server answered ${status}, and not with JSON` };
  }
  if (status >= 400) throw new ApiError(status, body);
  return body;
}

/** Says that the session ended, once; what is typed on the page stays. */
function askForLogin() {
  if (document.getElementById("wb-login-again")) return;
  const link = document.createElement("a");
  link.href = `/login?next=${encodeURIComponent(window.location.pathname + window.location.search)}`;
  link.target = "_blank"; // logging in beside this page loses nothing of it
  link.textContent = "Log in again";
  link.addEventListener("click", () => {
    session = null;
    document.getElementById("wb-login-again")?.remove();
  });
  const said = document.createElement("p");
  said.id = "wb-login-again";
  said.className = "wb-notice wb-login-again";
  said.setAttribute("role", "alert");
  said.append("Your session has ended. ", link, ", in another tab; what you typed here stays.");
  document.body.prepend(said);
}
