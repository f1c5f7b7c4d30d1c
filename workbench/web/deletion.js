// @ts-check
// The deletion of a job: what is deleted, what the next collection frees, and what remains because others use it.

import { ask } from "./api.js";
import { question } from "./dialog.js";
import { button, bytes, fill, h, problem } from "./dom.js";
import { attempt } from "./messages.js";
import { several } from "./stored_kinds.js";

/** Ask for confirmation in `place`. Calls `deleted()` after the deletion, or `kept()` if the user cancels. */
export async function askDeletion(place, jobId, { deleted, kept }) {
  const words = h("p", {}, "Computing what it would free…");
  const go = button("Delete", { icon: "trash", kind: "primary danger", onclick: remove });
  const asked = question("Delete this job?", [h("p", {}, "Its record, its events and its MLflow run are deleted now."), words], go, () => {
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

  function remove() {
    return attempt(go, asked.messages, async () => {
      const { notes = [] } = await ask("DELETE /api/jobs/{job_id}", { job_id: jobId });
      if (!notes.length) return deleted();
      return fill(place, h("div", { class: "wb-notice", "data-tone": "warn", role: "status" }, h("p", {}, h("strong", {}, "The job is deleted.")), notes.map((one) => h("p", {}, one))), button("All runs", { onclick: deleted }));
    });
  }
}

function sizeWords({ freesBytes, freesCount, sharedCount }) {
  const freed = freesCount ? `The next collection frees ${bytes(freesBytes)}: ${several(freesCount, "file")} that nothing else uses.` : "It frees no files.";
  const shared = sharedCount ? ` ${several(sharedCount, "file remains", "files remain")}, because other jobs or uploads use ${sharedCount === 1 ? "it" : "them"}.` : "";
  return freed + shared;
}
