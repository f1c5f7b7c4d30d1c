// @ts-check
// Deleting a job: what goes, what the next collection frees of it, what stays because others name it.

import { ask } from "./api.js";
import { question } from "./dialog.js";
import { button, bytes, fill, h, problem } from "./dom.js";
import { several } from "./removed.js";

/** Ask in `place`. `deleted()` is told when the job is gone, `kept()` when somebody thought better of it. */
export async function askDeletion(place, jobId, { deleted, kept }) {
  const words = h("p", {}, "Looking what it would free…");
  const go = button("Delete", { icon: "trash", kind: "primary danger", onclick: remove });
  const asked = question("Delete this job?", [h("p", {}, "Its record, its events and its run in MLflow go now."), words], go, () => {
    fill(place);
    kept();
  });
  fill(place, asked.element);
  asked.focus();
  try {
    words.textContent = sizeWords(await ask("GET /api/jobs/{job_id}/deletion", { job_id: jobId }));
  } catch (error) {
    fill(place, problem(error));
  }

  async function remove() {
    go.disabled = true;
    fill(asked.said);
    try {
      const { notes = [] } = await ask("DELETE /api/jobs/{job_id}", { job_id: jobId });
      if (!notes.length) return deleted();
      fill(place, h("div", { class: "wb-notice", "data-tone": "warn", role: "status" }, h("p", {}, h("strong", {}, "The job is deleted.")), notes.map((one) => h("p", {}, one))), button("All runs", { onclick: deleted }));
    } catch (error) {
      go.disabled = false;
      fill(asked.said, problem(error));
    }
    return null;
  }
}

function sizeWords({ freesBytes, freesCount, sharedCount }) {
  const freed = freesCount ? `The next collection frees ${bytes(freesBytes)}: ${several(freesCount, "file")} that nothing else names.` : "No file goes with it.";
  const shared = sharedCount ? ` ${several(sharedCount, "file stays", "files stay")}: other jobs or uploads name ${sharedCount === 1 ? "it" : "them"}.` : "";
  return freed + shared;
}
