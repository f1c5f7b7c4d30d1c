// @ts-check
// Rows of runs that are told what becomes of their jobs.

import { watchJob } from "./api.js";
import { isFinal } from "./fold.js";

/**
 * @param {(jobId: string, now: Api.Schema<"LiveUpdate">) => void} update  Told of each update of a job that has not ended.
 * @param {() => void} ended  Told a moment after some have: their records have then what their rows still lack.
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
