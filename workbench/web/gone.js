// @ts-check
// Runs that are deleted elsewhere, in another tab or by the command line: pages that show them learn of it.

import { ask, embedded, pageUrl } from "./api.js";
import { fill, h, linkButton } from "./dom.js";

const EVERY_MS = 5000;

/** @type {Map<string, Set<() => void>>} */
const watched = new Map();
/** @type {ReturnType<typeof setInterval> | undefined} */
let timer;

/**
 * Call `gone()` once when the job no longer exists. Returns a function that stops it. In a notebook it does nothing: there
 * each question would go through the kernel.
 * @param {string} jobId
 * @param {() => void} gone
 */
export function watchGone(jobId, gone) {
  if (embedded()) return () => {};
  const listeners = watched.get(jobId) ?? new Set();
  watched.set(jobId, listeners.add(gone));
  timer ??= setInterval(check, EVERY_MS);
  document.addEventListener("visibilitychange", check);
  return () => {
    listeners.delete(gone);
    if (!listeners.size && watched.get(jobId) === listeners) watched.delete(jobId);
    if (watched.size) return;
    clearInterval(timer);
    timer = undefined;
    document.removeEventListener("visibilitychange", check);
  };
}

async function check() {
  if (document.visibilityState !== "visible") return;
  for (const [jobId, listeners] of [...watched]) {
    if (!(await isGone(jobId).catch(() => false))) continue; // unknown while the server does not respond
    watched.delete(jobId);
    for (const gone of listeners) gone();
  }
}

/**
 * Whether a job no longer exists. Asks for its line in the list, which is much smaller than its record.
 * @param {string} jobId
 */
export async function isGone(jobId) {
  const { jobs } = await ask("GET /api/jobs", { text: jobId, limit: 1 });
  if (jobs.some((one) => one.jobId === jobId)) return false;
  return ask("GET /api/jobs/{job_id}", { job_id: jobId }).then(
    () => false,
    (/** @type {any} */ error) => error.status === 404,
  );
}

/** Links to what is still there. */
export function waysBack() {
  const links = [["All runs", "/runs"], ["Make a video", "/"]].filter(([, path]) => pageUrl(path)); // a notebook may have none
  return h("div", { class: "wb-actions" }, links.map(([words, path]) => linkButton(words, pageUrl(path), { target: embedded() ? "_blank" : null })));
}

/**
 * Says that a run was deleted, with the way back.
 * @param {string} name
 */
export function goneNotice(name) {
  return h(
    "div",
    { class: "wb-notice wb-gone", role: "status" },
    h("p", {}, h("strong", {}, "This run was deleted."), name ? ` “${name}” no longer exists: it was deleted in another tab, by another user or by the retention rule.` : ""),
    waysBack(),
  );
}

/** Replace a view by the notice. @param {Element} element @param {string} name */
export const showGone = (element, name) => fill(element, goneNotice(name));
