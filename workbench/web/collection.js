// @ts-check
// The dialog for a manual collection: a preview by rule, the collection, and its report.

import { ask } from "./api.js";
import { openDialog } from "./dialog.js";
import { button, bytes, fill, h, problem, seconds, sentence } from "./dom.js";
import { byKind, several } from "./stored_kinds.js";

const QUIET_MS = 500;

/** `rule`: the active rule or null; jobs with its tags are kept here too. `collected()` is called after a collection. */
export function askCollection(rule, { collected = () => {} } = {}) {
  const keepTags = rule?.keepTags ?? [];
  const dialog = openDialog("Collect unused artifacts");
  const { body, actions } = dialog;
  const plan = h("div", { class: "wb-dialog-said", "aria-live": "polite" });
  const messages = h("div", { "aria-live": "polite" });
  const days = h("input", { class: "wb-input", id: "wb-collect-days", type: "number", min: "1", max: "99999", step: "1", inputmode: "numeric", oninput: changed });
  const gib = h("input", { class: "wb-input", id: "wb-collect-gib", type: "number", min: "0.001", step: "any", inputmode: "decimal", oninput: changed });
  const go = button("Remove", { icon: "trash", kind: "primary danger", disabled: true, onclick: collect });
  const field = (input, words, help) => h("div", {}, h("label", { for: input.id }, words), input, h("p", { class: "wb-field-help" }, help));
  let asked = 0;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let quiet;
  fill(
    body,
    h("p", {}, "This removes artifacts that no job and no upload uses, with their copies, deleted runs in MLflow, and unfinished uploads."),
    h("details", {}, h("summary", {}, "Delete old jobs first"), h("div", { class: "wb-fields" }, field(days, "Older than, in days", "Deletes finished jobs and unused uploads that are older."), field(gib, "At most, in GiB", "Deletes the oldest finished jobs until the artifacts fit into this size.")), keepTags.length ? h("p", { class: "wb-muted" }, `Jobs with the tag ${keepTags.join(" or ")} are kept.`) : null),
    plan,
    messages,
  );
  fill(actions, go, button("Close", { kind: "quiet", onclick: dialog.close }));
  look();

  function request() {
    return { olderThan: days.value ? `${days.value}d` : null, maxGib: gib.value ? Number(gib.value) : null, keepTags };
  }

  function changed() {
    asked += 1; // ignore responses for the previous values
    go.disabled = true;
    clearTimeout(quiet);
    quiet = setTimeout(look, QUIET_MS);
  }

  async function look() {
    const mine = ++asked;
    const wrong = [days, gib].find((one) => !one.validity.valid);
    if (wrong) return fill(plan, h("p", { class: "wb-field-problem" }, wrong.validationMessage));
    fill(messages);
    try {
      const report = await ask("POST /api/collections", { ...request(), dryRun: true });
      if (mine !== asked) return null;
      fill(plan, report.removed.length ? byKind(report.removed, "To be removed") : h("p", { class: "wb-muted" }, "There is nothing to remove."), left(report));
      go.disabled = !report.removed.length;
      if (go.lastChild) go.lastChild.textContent = wordsOf(report);
    } catch (error) {
      if (mine === asked) fill(plan, problem(error));
    }
    return null;
  }

  async function collect() {
    go.disabled = true;
    fill(messages, h("p", { class: "wb-muted" }, "Collecting. This continues if you close the dialog."));
    try {
      const report = await ask("POST /api/collections", request());
      collected();
      if (!dialog.open) return;
      dialog.title.textContent = "Collected";
      fill(body, h("p", { role: "status" }, `${bytes(report.bytes)} removed in ${seconds(report.seconds)}.`), report.removed.length ? byKind(report.removed, "Removed") : null, verified(report), left(report));
      fill(actions, button("Close", { kind: "primary", onclick: dialog.close }));
      dialog.title.focus();
    } catch (error) {
      go.disabled = false;
      fill(messages, problem(error));
    }
  }
}

/** The label of the button, which names its effect: "Delete 3 jobs and remove 12 MB". */
function wordsOf({ removed, bytes: size }) {
  const jobs = removed.find((one) => one.kind === "jobs")?.count ?? 0;
  return `${jobs ? `Delete ${several(jobs, "job")} and remove` : "Remove"} ${size ? bytes(size) : "it"}`;
}

const verified = ({ verified: { count, bytes: size, whole, damaged } }) =>
  count
    ? [
        h("p", { class: "wb-muted" }, `${several(count, "artifact")} (${bytes(size)}) compared with their digests: ${damaged.length ? `${damaged.length} damaged` : "all intact"}.${whole ? "" : " The next collection continues after them."}`),
        damaged.length ? h("ul", { class: "wb-why" }, damaged.map((one) => h("li", {}, sentence(one)))) : null,
      ]
    : null;

const left = (report) => (report.left.length ? h("ul", { class: "wb-why" }, report.left.map((one) => h("li", { class: "wb-muted" }, sentence(one)))) : null);
