// @ts-check
// The bar of the selected runs: compare, sweep further, star, rate, tag, export, delete.

import { ask } from "./api.js";
import { query } from "./channel.js";
import { MOST_VIDEOS } from "./compare.js";
import { question } from "./dialog.js";
import { button, fill, h, linkButton, problem } from "./dom.js";
import { problemsIn } from "./messages.js";
import { popover } from "./popover.js";
import { several } from "./stored_kinds.js";

const MARKED_AT_ONCE = 1000; // schemas/runs.py
const DELETED_AT_ONCE = 50; // fewer than the API takes, so that progress shows
const IN_AN_ADDRESS = 500;

/**
 * @param {object} given
 * @param {ReturnType<typeof import("./selection.js").selection>} given.selected
 * @param {() => number} given.total  The number of runs that match.
 * @param {() => Record<string, any>} given.filters  Of the HTTP API, with order and columns, without page.
 * @param {(jobId: string) => Api.Schema<"JobSummary"> | undefined} given.lineOf
 * @param {() => Promise<void>} given.reload
 */
export function selectedRuns({ selected, total, filters, lineOf, reload }) {
  const messages = h("div", { "aria-live": "polite" });
  const asking = h("div", {});
  const show = problemsIn(messages);
  const words = h("span", { class: "wb-selection-count", role: "status" });
  const actions = h("span", { class: "wb-actions" });
  const mlflow = h("span", {});
  const bar = h("div", { class: "wb-selection", hidden: true }, h("div", { class: "wb-selection-line" }, words, actions), asking, messages);
  /** @type {{ids: string, filters: string} | null} */
  let all = null; // the selection is all that matched these filters
  let asked = 0;
  let drawn = "";
  /** @type {Set<string>} */
  const gone = new Set(); // deleted here

  const star = button("Star", { icon: "star", kind: "quiet", onclick: () => mark({ starred: !allStarred() }) });
  const rate = popover("Rate", drawRating, { label: "Rate the selected runs" });
  const tags = popover("Tag", drawTags, { icon: "tag", label: "Tag the selected runs" });
  const exports = popover("Export", drawExport, { icon: "download", label: "Export the selected runs" });
  const remove = button("Delete…", { icon: "trash", kind: "quiet", onclick: askDelete });
  const clear = button("Clear", { kind: "quiet", onclick: () => selected.clear() });
  const everything = button("", { kind: "quiet", onclick: selectAll });
  const lines = () => selected.ids().map(lineOf).filter((one) => one !== undefined);
  const allStarred = () => lines().length > 0 && lines().every((one) => one.starred);

  /** Draw the bar for the present selection. */
  function draw() {
    const ids = selected.ids();
    bar.hidden = !ids.length;
    words.textContent = `${ids.length.toLocaleString("en-GB")} selected`;
    if (star.lastChild) star.lastChild.textContent = allStarred() ? "Remove star" : "Star";
    const wholePage = selected.page().length > 0 && selected.page().every((id) => selected.has(id));
    everything.hidden = !(wholePage && ids.length < total());
    everything.textContent = `Select all ${total().toLocaleString("en-GB")} that match`;
    const key = ids.join();
    if (key === drawn) return;
    drawn = key;
    fill(asking);
    show(null);
    const compare = ids.length >= 2 && ids.length <= MOST_VIDEOS ? linkButton("Compare side by side", `/runs?compare=${ids.join()}`, { icon: "compare" }) : null;
    const vote = ids.length >= 2 ? linkButton("Blind vote", `/vote?items=${ids.join()}`, { icon: "check" }) : null;
    const sweep = ids.length === 1 ? linkButton("Sweep further", `/sweeps?from=${ids[0]}`, { icon: "sweep" }) : null;
    const focused = document.activeElement instanceof HTMLElement && actions.contains(document.activeElement) ? document.activeElement : null;
    fill(mlflow);
    fill(actions, compare, vote, sweep, mlflow, star, rate.element, tags.element, exports.element, remove, clear, everything);
    focused?.focus();
    if (ids.length >= 2 && ids.length <= IN_AN_ADDRESS / 5) askMlflow(ids);
  }

  async function askMlflow(/** @type {string[]} */ ids) {
    const mine = ++asked;
    try {
      const { url } = await ask("GET /api/mlflow/comparison", { job: ids });
      if (mine === asked) fill(mlflow, linkButton("Compare in MLflow", url, { icon: "external", target: "_blank", rel: "noopener" }));
    } catch (/** @type {any} */ error) {
      if (mine === asked && error.code !== "tracking.off") show(error);
    }
  }

  async function selectAll() {
    everything.disabled = true;
    try {
      const { jobs, total: count } = await ask("GET /api/job-ids", filters());
      selected.set(jobs);
      all = { ids: jobs.length === count ? selected.ids().join() : "", filters: JSON.stringify(filters()) };
      if (jobs.length < count) fill(messages, h("p", { class: "wb-notice" }, `Of ${count.toLocaleString("en-GB")} runs the first ${jobs.length.toLocaleString("en-GB")} are selected.`));
    } catch (error) {
      show(error);
    }
    everything.disabled = false;
  }

  /** Change the marks of all selected runs. */
  async function mark(/** @type {Record<string, any>} */ change, ids = selected.ids()) {
    try {
      for (let start = 0; start < ids.length; start += MARKED_AT_ONCE) await ask("POST /api/marks", { jobs: ids.slice(start, start + MARKED_AT_ONCE), ...change });
      show(null);
      await reload();
      draw();
      return true;
    } catch (error) {
      bar.hidden = false;
      show(error);
      return false;
    }
  }

  function drawRating(/** @type {HTMLElement} */ panel, /** @type {() => void} */ close) {
    const set = (rating) => () => mark({ rating }).then(close);
    fill(panel, h("div", { class: "wb-rating-choice", role: "group", "aria-label": "Rating" }, [1, 2, 3, 4, 5].map((one) => button(String(one), { "aria-label": `${one} of 5`, onclick: set(one) })), button("None", { kind: "quiet", onclick: set(0) })), h("p", { class: "wb-field-help" }, "5 is best. The keys 1 to 5 rate the run under the focus, 0 clears it."));
  }

  function drawTags(/** @type {HTMLElement} */ panel) {
    const options = h("datalist", { id: "wb-known-tags" });
    const name = h("input", { class: "wb-input", list: "wb-known-tags", placeholder: "A tag", "aria-label": "A tag", maxLength: 100 });
    const said = h("div", { "aria-live": "polite" });
    const here = [...new Set(lines().flatMap((one) => one.tags ?? []))].sort();
    const add = async () => {
      const tag = name.value.trim();
      if (!tag) return name.focus();
      if (!(await mark({ addTags: [tag] }))) return;
      name.value = "";
      fill(said, h("p", { class: "wb-muted" }, `“${tag}” added to ${several(selected.ids().length, "run")}.`));
      redraw();
    };
    const list = h("div", { class: "wb-tag-list" });
    const redraw = () => fill(list, [...new Set(lines().flatMap((one) => one.tags ?? []))].sort().map((tag) => h("button", { type: "button", class: "wb-chip wb-tag-remove", "aria-label": `Remove the tag ${tag}`, onclick: async () => (await mark({ removeTags: [tag] })) && redraw() }, tag, " ×")));
    redraw();
    fill(panel, h("form", { class: "wb-views-new", onsubmit: (event) => (event.preventDefault(), add()) }, name, button("Add", { kind: "primary", onclick: add })), options, here.length ? h("p", { class: "wb-field-help" }, "On the selected runs; a click removes one:") : null, list, said);
    ask("GET /api/columns", { job: "none" }).then(({ tags: known }) => fill(options, known.map((value) => h("option", { value }))), () => null);
  }

  function drawExport(/** @type {HTMLElement} */ panel, /** @type {() => void} */ close) {
    const ids = selected.ids();
    const { column = [], sort = "" } = filters();
    const whole = all !== null && all.ids === ids.join();
    if (!whole && ids.length > IN_AN_ADDRESS) {
      fill(panel, h("p", {}, `Select at most ${IN_AN_ADDRESS} single runs, or all that match.`));
      return;
    }
    const what = whole ? JSON.parse(all?.filters ?? "{}") : { job: ids, sort };
    const link = (format, word) => linkButton(word, `/api/table${query({ ...what, column, format })}`, { download: `runs.${format}`, onclick: () => setTimeout(close) });
    fill(panel, h("div", { class: "wb-actions" }, link("csv", "CSV"), link("json", "JSON")), h("p", { class: "wb-field-help" }, `${several(ids.length, "run")} with the columns that you chose (${column.length}).`));
  }

  function askDelete() {
    const ids = selected.ids();
    const go = button(`Delete ${several(ids.length, "run")}`, { icon: "trash", kind: "primary danger", onclick: removeAll });
    const progress = h("p", { role: "status" });
    const asked_ = question(`Delete ${several(ids.length, "run")}?`, [h("p", {}, "Their records, their events and their MLflow runs are deleted now; the next collection frees files that nothing else uses. Runs that have not ended stay."), progress], go, () => fill(asking));
    fill(asking, asked_.element);
    asked_.focus();

    async function removeAll() {
      go.disabled = true;
      /** @type {Api.Schema<"NotDeleted">[]} */
      const left = [];
      /** @type {Set<string>} */
      const notes = new Set();
      let count = 0;
      try {
        for (let start = 0; start < ids.length; start += DELETED_AT_ONCE) {
          const answer = await ask("POST /api/deletions", { jobs: ids.slice(start, start + DELETED_AT_ONCE) });
          count += answer.deleted.length;
          left.push(...answer.left);
          for (const note of answer.notes ?? []) notes.add(note);
          for (const id of answer.deleted) gone.add(id);
          selected.set(answer.deleted, false);
          progress.textContent = `${count.toLocaleString("en-GB")} of ${ids.length.toLocaleString("en-GB")} deleted.`;
        }
        fill(asking);
        const said = [`${several(count, "run")} deleted.`, ...notes, left.length ? `${several(left.length, "run stays", "runs stay")}: ${[...new Set(left.map((one) => one.reason))].slice(0, 3).join("; ")}.` : ""].filter(Boolean);
        fill(outcome, h("p", { class: "wb-notice", "data-tone": left.length ? "warn" : null }, said.join(" ")));
      } catch (error) {
        fill(asked_.messages, problem(error));
        go.disabled = false;
      }
      await reload();
    }
  }
  const outcome = h("div", { role: "status" });
  return { element: h("div", {}, bar, outcome), draw, mark, gone };
}
