// @ts-check
// The dialog to erase a job or a file with everything derived from it: a preview, the erasure, and its report.

import { ask } from "./api.js";
import { openDialog } from "./dialog.js";
import { button, bytes, fill, find, h, problem, seconds, sentence } from "./dom.js";
import { byKind, several } from "./stored_kinds.js";

const SHOWN = 6;

/**
 * `target` is {job} or {file}, `what` its name in a sentence: "this job". Calls `erased()` when something was erased and the
 * dialog is closed.
 */
export function askErasure(target, what, { erased = () => {} } = {}) {
  let done = false;
  let foreseen = 0; // files
  const dialog = openDialog(`Erase ${what} and everything derived from it`, { closed: () => done && erased() });
  const { body, actions } = dialog;
  const messages = h("div", { class: "wb-dialog-said", "aria-live": "polite" });
  const close = button("Keep it", { kind: "quiet", onclick: dialog.close });
  fill(body, h("p", { class: "wb-muted", role: "status" }, "Computing what would be erased…"));
  fill(actions, close);
  look();

  async function look() {
    try {
      const plan = await ask("POST /api/erasures", { ...target, dryRun: true });
      foreseen = plan.files;
      const words = `Erase ${several(plan.jobs.length, "job")} and ${several(plan.files, "file")}`;
      fill(body, planned(plan), messages);
      fill(actions, button(words, { icon: "trash", kind: "primary danger", onclick: () => erase(words) }), close);
    } catch (error) {
      fill(body, problem(error));
      close.textContent = "Close";
    }
  }

  async function erase(words, more = {}) {
    find(actions, "button")?.setAttribute("disabled", "");
    close.textContent = "Close";
    fill(messages, h("p", { class: "wb-muted" }, "Erasing. The stores rewrite their files without the data, which can take a minute or two. This continues if you close the dialog."));
    try {
      const report = await ask("POST /api/erasures", { ...target, ...more });
      done = true;
      if (!dialog.open) return erased();
      dialog.title.textContent = report.whole ? "Erased" : "Your part is erased";
      fill(body, reported(report, foreseen));
      fill(actions, button("Close", { kind: "primary", onclick: dialog.close }));
      dialog.title.focus();
    } catch (fault) {
      const error = /** @type {import("./dom.js").Problem} */ (fault);
      fill(messages, problem(error));
      close.textContent = "Keep it";
      const anyway = error.code === "job.not_final" && !more.cancel;
      const again = anyway ? "Cancel those jobs and erase" : words;
      fill(actions, button(again, { icon: "trash", kind: "primary danger", onclick: () => erase(again, anyway ? { cancel: true } : more) }), close);
      find(actions, "button")?.focus();
    }
    return null;
  }
}

function planned(plan) {
  return [
    h("p", {}, `${several(plan.jobs.length, "job")} and ${several(plan.files, "file")} would be erased, ${bytes(plan.bytes)} including all copies: from the stores, from MLflow, and from the files of both. This cannot be undone.`),
    plan.whole ? null : h("p", { class: "wb-notice", "data-tone": "warn" }, "Other users of this deployment also have this file, so only your jobs and your upload are erased."),
    plan.jobs.length ? [h("h3", {}, "Jobs"), jobsOf(plan.jobs)] : null,
    plan.removed.length ? h("details", {}, h("summary", {}, "By kind"), byKind(plan.removed, "To be erased")) : null,
    remaining(plan),
  ];
}

function reported(report, foreseen) {
  return [
    h("p", { role: "status" }, `${several(report.jobs.length, "job")} and ${several(report.files, "file")} were erased: ${bytes(report.bytes)} including all copies, in ${seconds(report.seconds)}.`, report.files > foreseen ? " This is more than in the preview, because it includes other files that nothing used any more." : ""),
    byKind(report.removed, "Erased"),
    remaining(report),
    report.compacted.length ? h("details", {}, h("summary", {}, `Rewritten: ${several(report.compacted.length, "part")} of the deployment`), h("ul", { class: "wb-events" }, report.compacted.map(anew))) : null,
  ];
}

const anew = (one) => h("li", {}, `${one.part}: ${bytes(one.bytesBefore)} before, ${bytes(one.bytesAfter)} after, ${seconds(one.seconds)}`, one.remark ? h("span", { class: "wb-muted" }, ` ${sentence(one.remark)}`) : null);

/** What remains here and why, and what is outside the deployment. */
const remaining = (report) => [whys("Not erased", report.stays), whys("To be erased manually", report.outside)];

const whys = (title, list) => (list.length ? [h("h3", {}, title), h("ul", { class: "wb-why" }, list.map((one) => h("li", {}, sentence(one.what), h("span", { class: "wb-muted" }, ` ${sentence(one.why)}`))))] : null);

/** The ids of the jobs at once, and their titles when they have loaded. */
function jobsOf(ids) {
  const line = (id) => {
    const words = h("span", {});
    ask("GET /api/jobs", { text: id, limit: 1 })
      .then(({ jobs }) => (words.textContent = jobs[0]?.title ?? ""))
      .catch(() => null); // the id is sufficient
    return h("li", {}, h("code", { class: "wb-muted" }, id), " ", words);
  };
  return h("ul", { class: "wb-why" }, ids.slice(0, SHOWN).map(line), ids.length > SHOWN ? h("li", { class: "wb-muted" }, `and ${ids.length - SHOWN} more`) : null);
}
