// @ts-check
// The title of the tab: the progress of the shown job, and its end until somebody has seen it.

import { embedded } from "./api.js";
import { STATUS_WORDS } from "./dom.js";
import { isFinal } from "./fold.js";

let plain = "";
let front = ""; // "42 % – name", or "" while there is nothing to tell
let unseen = false;
/** @type {string} the job that was last seen unfinished; the end of an older job is no news */
let running = "";

/** The title of the page itself. @param {string} text */
export function setTitle(text) {
  plain = text;
  write();
}

/**
 * Tell the state of a job.
 * @param {{jobId: string, status: string, progress: number, record: {title?: string, pipeline?: string} | null}} job
 */
export function tellInTitle(job) {
  if (embedded()) return;
  const name = job.record?.title || job.record?.pipeline || "job";
  if (!isFinal(job.status)) {
    running = job.jobId;
    unseen = false;
    front = `${job.status === "running" ? `${Math.round((job.progress ?? 0) * 100)} %` : STATUS_WORDS[job.status]} – ${name}`;
  } else if (running === job.jobId) {
    running = "";
    unseen = document.visibilityState !== "visible";
    front = unseen ? `${job.status === "completed" ? "Done" : STATUS_WORDS[job.status]} – ${name}` : "";
  } else return;
  write();
}

/** The job is no longer shown. */
export function leaveTitle() {
  running = "";
  unseen = false;
  front = "";
  write();
}

function write() {
  plain ||= document.title;
  const text = front || plain;
  if (document.title !== text) document.title = text;
}

if (typeof document !== "undefined") {
  document.addEventListener("visibilitychange", () => {
    if (!unseen || document.visibilityState !== "visible") return;
    leaveTitle();
  });
}
