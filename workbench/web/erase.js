// @ts-check
// Erasing a job or a file and everything that came of it: first what would go, then the deed, then the report.

import { ask } from "./api.js";
import { openDialog } from "./dialog.js";
import { button, bytes, fill, find, h, problem, seconds, sentence } from "./dom.js";
import { byKind, several } from "./removed.js";

const SHOWN = 6;

/**
 * `target` is {job} or {file}, `what` its words: "this job". `erased()` is told when something was erased and the dialog is
 * closed.
 */
export function askErasure(target, what, { erased = () => {} } = {}) {
  let done = false;
  let foreseen = 0; // files
  const dialog = openDialog(`Erase ${what} and everything that came of it`, { closed: () => done && erased() });
  const { body, actions } = dialog;
  const said = h("div", { class: "wb-dialog-said", "aria-live": "polite" });
  const close = button("Keep it", { kind: "quiet", onclick: dialog.close });
  fill(body, h("p", { class: "wb-muted", role: "status" }, "Looking what would go…"));
  fill(actions, close);
  look();

  async function look() {
    try {
      const plan = await ask("POST /api/erasures", { ...target, dryRun: true });
      foreseen = plan.files;
      const words = `Erase ${several(plan.jobs.length, "job")} and ${several(plan.files, "file")}`;
      fill(body, planned(plan), said);
      fill(actions, button(words, { icon: "trash", kind: "primary danger", onclick: () => erase(words) }), close);
    } catch (error) {
      fill(body, problem(error));
      close.textContent = "Close";
    }
  }

  async function erase(words, more = {}) {
    find(actions, "button")?.setAttribute("disabled", "");
    close.textContent = "Close";
    fill(said, h("p", { class: "wb-muted" }, "Erasing. The files of the stores are written anew without it; that can take a minute or two, and goes on if you close this."));
    try {
      const report = await ask("POST /api/erasures", { ...target, ...more });
      done = true;
      if (!dialog.open) return erased();
      dialog.title.textContent = report.whole ? "Erased" : "Erased, as far as it is yours";
      fill(body, reported(report, foreseen));
      fill(actions, button("Close", { kind: "primary", onclick: dialog.close }));
      dialog.title.focus();
    } catch (fault) {
      const error = /** @type {import("./dom.js").Problem} */ (fault);
      fill(said, problem(error));
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
    h("p", {}, `${several(plan.jobs.length, "job")} and ${several(plan.files, "file")} would go, ${bytes(plan.bytes)} with every copy: from the stores, from MLflow, and from the files of both. It cannot be undone.`),
    plan.whole ? null : h("p", { class: "wb-notice", "data-tone": "warn" }, "Others of this deployment have this file too, so only what is yours goes: your jobs and your upload."),
    plan.jobs.length ? [h("h3", {}, "Jobs"), jobsOf(plan.jobs)] : null,
    plan.removed.length ? h("details", {}, h("summary", {}, "By kind"), byKind(plan.removed, "What would go")) : null,
    remaining(plan),
  ];
}

function reported(report, foreseen) {
  return [
    h("p", { role: "status" }, `${several(report.jobs.length, "job")} and ${several(report.files, "file")} are gone: ${bytes(report.bytes)} with every copy, in ${seconds(report.seconds)}.`, report.files > foreseen ? " More than foreseen: other files that nothing named any more went along." : ""),
    byKind(report.removed, "What is gone"),
    remaining(report),
    report.compacted.length ? h("details", {}, h("summary", {}, `Written anew: ${several(report.compacted.length, "part")} of the deployment`), h("ul", { class: "wb-events" }, report.compacted.map(anew))) : null,
  ];
}

const anew = (one) => h("li", {}, `${one.part}: ${bytes(one.bytesBefore)} before, ${bytes(one.bytesAfter)} after, ${seconds(one.seconds)}`, one.remark ? h("span", { class: "wb-muted" }, ` ${sentence(one.remark)}`) : null);

/** What stays here and why, and what the deployment does not reach. */
const remaining = (report) => [whys("What stays", report.stays), whys("What only people can erase", report.outside)];

const whys = (title, list) => (list.length ? [h("h3", {}, title), h("ul", { class: "wb-why" }, list.map((one) => h("li", {}, sentence(one.what), h("span", { class: "wb-muted" }, ` ${sentence(one.why)}`))))] : null);

/** Ids at once; what they said a moment later, so that a person knows them again. */
function jobsOf(ids) {
  const line = (id) => {
    const words = h("span", {});
    ask("GET /api/jobs", { text: id, limit: 1 })
      .then(({ jobs }) => (words.textContent = jobs[0]?.title ?? ""))
      .catch(() => null); // the id is there
    return h("li", {}, h("code", { class: "wb-muted" }, id), " ", words);
  };
  return h("ul", { class: "wb-why" }, ids.slice(0, SHOWN).map(line), ids.length > SHOWN ? h("li", { class: "wb-muted" }, `and ${ids.length - SHOWN} more`) : null);
}
