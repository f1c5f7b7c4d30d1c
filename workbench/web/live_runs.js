// @ts-check
// Rows of runs that are told what becomes of their jobs.

import { watchJob } from "./api.js";
import { isFinal } from "./fold.js";

/**
 * @param {(jobId: string, now: Api.Schema<"LiveUpdate">) => void} update  Told of each update of a job that has not ended.
 * @param {() => void} ended  Told a moment after one has: its record has then what its row still lacks.
 */
export function liveRuns(update, ended) {
  /** @type {Map<string, () => void>} */
  const stops = new Map();
  let over = false;
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
          if (isFinal(now.status)) setTimeout(() => !over && ended(), RECORDED_MS);
        };
        stops.set(jobId, watchJob(jobId, see));
      }
    },
    end() {
      over = true;
      for (const stop of stops.values()) stop();
    },
  };
}

const RECORDED_MS = 600;
