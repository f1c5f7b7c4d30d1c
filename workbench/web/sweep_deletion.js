// @ts-check
// The deletion of a sweep: its jobs one after the other, then the sweep.

import { ask } from "./api.js";
import { question } from "./dialog.js";
import { button, fill, h } from "./dom.js";
import { attempt } from "./messages.js";
import { several } from "./stored_kinds.js";

const AT_ONCE = 4;

/** Ask for confirmation in `place`. Calls `deleted()` after the deletion, or `kept()` if the user cancels. */
export function askSweepDeletion(place, sweep, { deleted, kept }) {
  const jobs = [...new Set(sweep.table.map((one) => one.job).filter(Boolean))];
  const progress = h("p", { role: "status", class: "wb-muted" });
  const go = button("Delete", { icon: "trash", kind: "primary danger", onclick: () => attempt(go, asked.messages, remove) });
  const words = h("p", {}, jobs.length ? `Its ${several(jobs.length, "job")}, their records and their runs in MLflow are deleted. Files that other jobs use remain.` : "It has no jobs.");
  const asked = question("Delete this sweep?", [words, progress], go, () => {
    fill(place);
    kept();
  });
  fill(place, asked.element);
  asked.focus();

  async function remove() {
    const left = [...jobs];
    const next = async () => {
      for (let job = left.pop(); job; job = left.pop()) {
        await ask("DELETE /api/jobs/{job_id}", { job_id: job }).catch((error) => {
          if (error.status !== 404) throw error; // deleted before
        });
        progress.textContent = `${jobs.length - left.length} of ${jobs.length} deleted`;
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, next));
    await ask("DELETE /api/sweeps/{sweep}", { sweep: sweep.id }).catch((error) => {
      if (error.status !== 404) throw error; // it went with its last job
    });
    fill(place);
    deleted();
  }
}
