// @ts-check
// Live updates for rows of runs.

import { watchJob } from "./api.js";
import { isFinal } from "./fold.js";

/**
 * @param {(jobId: string, now: Api.Schema<"LiveUpdate">) => void} update  Called with each update of an unfinished job.
 * @param {() => void} ended  Called a moment after jobs have ended, when their records are complete.
 */
export function liveRuns(update, ended) {
  /** @type {Map<string, () => void>} */
  const stops = new Map();
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;
  const later = () => {
    timer = undefined;
    ended();
  };
  return {
    /**
     * Watch the jobs of these rows and no others.
     * @param {{jobId: string, status: string}[]} rows
     */
    follow(rows) {
      const live = new Set(rows.filter((one) => !isFinal(one.status)).map((one) => one.jobId));
      for (const [jobId, stop] of stops) {
        if (live.has(jobId)) continue;
        stop();
        stops.delete(jobId);
      }
      for (const jobId of live) {
        if (stops.has(jobId)) continue;
        const see = (/** @type {Api.Schema<"LiveUpdate">} */ now) => {
          if (!now.status) return;
          update(jobId, now);
          if (isFinal(now.status)) timer ??= setTimeout(later, RECORDED_MS);
        };
        stops.set(jobId, watchJob(jobId, see));
      }
    },
    end() {
      clearTimeout(timer);
      for (const stop of stops.values()) stop();
    },
  };
}

const RECORDED_MS = 600;
