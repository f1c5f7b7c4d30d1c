// @ts-check
// One sweep: what it does, what may be done with it, and the wall of its cells. For the page and for notebooks.

import { ask, embedded, pageUrl } from "./api.js";
import { STATUS_WORDS, badge, button, fill, formatNumber, h, linkButton, when } from "./dom.js";
import { isFinal } from "./fold.js";
import { betterWords, metricWords } from "./metrics.js";
import { attempt, problemsIn } from "./messages.js";
import { askSweepDeletion } from "./sweep_deletion.js";
import { NONE, metricsIn, settled } from "./sweep_grid.js";
import { yamlOf } from "./sweep_spec.js";
import { sweepWall } from "./sweep_wall.js";

const LIVE_MS = 2000; // more for sweeps of many cells
const QUIET_MS = 15_000;
export const STATES = { running: "Running", paused: "Paused", cancelled: "Cancelled", completed: "Completed" };
const MARKS = { running: "running", paused: "queued", cancelled: "cancelled", completed: "completed" };
const ORDER = ["completed", "failed", "cancelled", "running", "waiting", "accepted", "planned"];
const WORDS = { accepted: "queued", waiting: "waiting" };

/** @param {string} state */
export const stateBadge = (state) => badge(/** @type {any} */ (MARKS)[state] ?? state, /** @type {any} */ (STATES)[state] ?? state);

/** A bar of the cells by the state of their jobs. @param {Record<string, number>} byStatus @param {number} cells */
export const countBar = (byStatus, cells) => h("span", { class: "wb-counts", "aria-hidden": "true" }, ORDER.filter((one) => byStatus[one]).map((one) => h("span", { "data-status": one, style: `flex-grow: ${byStatus[one] / Math.max(1, cells)}` })));

/** "24 of 36 completed · 2 failed". @param {Record<string, number>} byStatus @param {number} cells */
export function countWords(byStatus, cells) {
  const rest = ORDER.slice(1).filter((one) => byStatus[one] && one !== "planned");
  return [`${byStatus.completed ?? 0} of ${cells} completed`, ...rest.map((one) => `${byStatus[one]} ${(/** @type {any} */ (WORDS)[one] ?? /** @type {any} */ (STATUS_WORDS)[one] ?? one).toLowerCase()}`)].join(" · ");
}

/**
 * @typedef {{rows?: string, columns?: string, only?: Record<string, string>, metric?: string, play?: boolean, selected?: number[]}} View  The reader's choices.
 *
 * Show a sweep. `changed(view)` is told every choice of the reader. Returns {show(view), end}.
 * @param {HTMLElement} element
 * @param {{sweep: string, view?: View, changed?: (view: View) => void, gone?: () => void, plain?: boolean}} options  `plain`: without what leaves the view.
 */
export function sweepView(element, { sweep: id, view = {}, changed = () => {}, gone = () => {}, plain = embedded() }) {
  let chosen = view;
  let ended = false;
  /** @type {any} */
  let sweep = null;
  /** @type {Record<string, any>} */
  let meanings = {};
  let asked = false; // for the meanings
  let headAt = "";
  let toolsAt = "";
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;
  const head = h("header", { class: "wb-run-head" });
  const messages = h("div", {});
  const faults = h("div", {});
  const tools = h("div", { class: "wb-wall-tools", role: "toolbar", "aria-label": "What the wall shows" });
  const legend = h("div", { class: "wb-wall-legend", role: "status" });
  const place = h("div", {});
  const picks = h("div", { class: "wb-picks", hidden: true });
  fill(element, h("div", { class: "wb-sweep" }, head, messages, faults, tools, legend, place, picks));
  const show = problemsIn(faults);
  const wall = sweepWall(place, { page: pageUrl, tab: embedded(), picks: pageUrl("/runs") !== null, picked: (list) => choose({ selected: list.sort((a, b) => a - b) }) });
  wall.playAll(Boolean(chosen.play));
  wall.choose(chosen.selected ?? []);

  function choose(/** @type {View} */ more) {
    chosen = { ...chosen, ...more };
    changed(chosen);
    draw();
  }

  async function load() {
    clearTimeout(timer);
    if (document.visibilityState === "visible" || !sweep) {
      try {
        const found = await ask("GET /api/sweeps/{sweep}", { sweep: id });
        if (ended) return;
        show(null);
        take(found);
      } catch (/** @type {any} */ error) {
        if (ended) return;
        if (error.status === 404) {
          ended = true;
          wall.end();
          return void fill(element, h("div", { class: "wb-notice", role: "status" }, sweep ? `The sweep “${sweep.name}” was deleted.` : "There is no such sweep, or you may not see it."), plain ? null : linkButton("All sweeps", "/sweeps"));
        }
        show(error);
      }
    }
    const many = Math.max(1, (sweep?.cells ?? 0) / 250);
    timer = setTimeout(load, isActive() ? LIVE_MS * many : QUIET_MS);
  }

  /** Whether something changes by itself: a paused sweep may still have jobs that run. */
  const isActive = () => !sweep || sweep.state === "running" || sweep.table.some((/** @type {any} */ one) => one.job && !isFinal(one.status));

  function take(/** @type {any} */ found) {
    sweep = found;
    explain();
    draw();
  }

  /** Learn the units and directions of the metrics from a job that has them. */
  async function explain() {
    const cell = sweep.table.find((/** @type {any} */ one) => one.status === "completed" && Object.keys(one.metrics).length);
    if (asked || !cell) return;
    asked = true;
    const answer = await ask("GET /api/jobs/{job_id}", { job_id: cell.job }).catch(() => null); // the wall works without them
    if (!answer || ended) return;
    meanings = Object.fromEntries(Object.entries(answer.job.metricMeanings ?? {}).flatMap(([node, own]) => Object.entries(own).map(([name, metric]) => [`${node}.${name}`, metric])));
    draw();
  }

  function draw() {
    if (!sweep || ended) return;
    const where = settled(sweep, chosen);
    const metrics = metricsIn(sweep.table);
    const metric = chosen.metric && metrics.includes(chosen.metric) ? chosen.metric : "";
    drawHead();
    drawTools(where, metrics, metric);
    const { shown, scale } = wall.update(sweep, { ...where, metric, better: meanings[metric]?.better ?? "", meanings });
    drawLegend(metric, scale, shown);
    drawPicks();
  }

  function drawHead() {
    const key = JSON.stringify([sweep.state, sweep.byStatus, sweep.cells, sweep.mlflowRun, sweep.mayChange, sweep.plan]);
    if (key === headAt) return;
    headAt = key;
    const focus = /** @type {HTMLElement | null} */ (head.contains(document.activeElement) ? document.activeElement : null)?.dataset.action;
    const open = head.querySelector("details")?.open ?? false;
    const fact = (/** @type {string} */ label, /** @type {any} */ value) => (value ? [h("dt", {}, label), h("dd", {}, value)] : null);
    const act = (/** @type {string} */ name, /** @type {string} */ word, /** @type {any} */ more = {}) =>
      button(word, { ...more, "data-action": name, onclick: (/** @type {any} */ event) => attempt(event.currentTarget, messages, async () => take(await ask(/** @type {any} */ (`POST /api/sweeps/{sweep}/${name}`), { sweep: id }))) });
    const may = sweep.mayChange;
    const cached = sweep.table.filter((/** @type {any} */ one) => one.cached).length;
    const { nodes, distinct, cached: known } = sweep.plan;
    fill(
      head,
      h("div", { class: "wb-run-title" }, h("h2", {}, sweep.name), stateBadge(sweep.state)),
      h("div", { class: "wb-sweep-progress" }, countBar(sweep.byStatus, sweep.cells), h("span", {}, [countWords(sweep.byStatus, sweep.cells), cached ? `${cached} from the cache` : ""].filter(Boolean).join(" · "))),
      h(
        "dl",
        { class: "wb-facts" },
        fact("pipeline", sweep.pipeline),
        fact("experiment", sweep.experiment),
        fact("by", sweep.owner === "local" ? "" : sweep.owner),
        fact("created", when(sweep.created)),
        fact("node runs", nodes ? `${formatNumber(distinct - known)} of ${formatNumber(nodes)}` : ""),
        fact("id", h("code", {}, sweep.id)),
      ),
      h(
        "div",
        { class: "wb-actions" },
        may && sweep.state === "running" ? act("pause", "Pause", { title: "Jobs that run end; no further ones start." }) : null,
        may && sweep.state === "paused" ? act("resume", "Resume", { kind: "primary" }) : null,
        may && (sweep.state === "running" || sweep.state === "paused") ? act("cancel", "Cancel", { kind: "quiet" }) : null,
        may && !plain ? linkButton("Extend", `/sweeps?extend=${sweep.id}`, { icon: "edit" }) : null,
        sweep.mlflowRun && pageUrl(sweep.mlflowRun) ? linkButton("In MLflow", pageUrl(sweep.mlflowRun), { icon: "external", kind: "quiet", target: "_blank", rel: "noopener" }) : null,
        plain && pageUrl("/sweeps") ? linkButton("On the page", pageUrl(`/sweeps?sweep=${sweep.id}`), { icon: "external", kind: "quiet", target: "_blank", rel: "noopener" }) : null,
        may && !plain && sweep.state !== "running" ? button("Delete…", { icon: "trash", kind: "quiet danger", "data-action": "delete", onclick: remove }) : null,
      ),
      h("details", { class: "wb-sweep-spec", open }, h("summary", {}, "Spec"), specText(() => yamlOf(sweep.spec))),
    );
    if (focus) /** @type {HTMLElement | null} */ (head.querySelector(`[data-action="${focus}"]`) ?? head.querySelector("[data-action]"))?.focus();
  }

  const remove = () => askSweepDeletion(messages, sweep, { deleted: gone, kept: () => /** @type {HTMLElement | null} */ (head.querySelector('[data-action="delete"]'))?.focus() });

  function drawTools(/** @type {any} */ where, /** @type {string[]} */ metrics, /** @type {string} */ metric) {
    const key = JSON.stringify([where, sweep.axes, metrics, metric, Boolean(chosen.play), Object.keys(meanings).length]);
    if (key === toolsAt) return;
    toolsAt = key;
    const focus = tools.contains(document.activeElement) ? /** @type {any} */ (document.activeElement).name : "";
    const select = (/** @type {string} */ name, /** @type {string} */ word, /** @type {[string, string][]} */ choices, /** @type {string} */ value, /** @type {(value: string) => void} */ set) =>
      h("label", { class: "wb-tool" }, h("span", { class: "wb-muted" }, word), h("select", { class: "wb-select", name, "aria-label": word, onchange: (/** @type {any} */ event) => set(event.currentTarget.value) }, choices.map(([one, words]) => h("option", { value: one, selected: one === value }, words))));
    const several = sweep.axes.filter((/** @type {any} */ axis) => axis.labels.length > 1);
    const axes = /** @type {[string, string][]} */ ([[NONE, "–"], ...several.map((/** @type {any} */ axis) => [axis.name, axis.name])]);
    const swap = (/** @type {"rows" | "columns"} */ one, /** @type {"rows" | "columns"} */ other, /** @type {string} */ value) => choose({ [one]: value, [other]: where[other] === value ? where[one] || NONE : where[other] || NONE });
    const any = "*"; // also in the address
    fill(
      tools,
      several.length > 1 || where.rows ? select("rows", "Rows", axes, where.rows || NONE, (value) => swap("rows", "columns", value)) : null,
      several.length ? select("columns", "Columns", axes, where.columns || NONE, (value) => swap("columns", "rows", value)) : null,
      several
        .filter((/** @type {any} */ axis) => axis.name !== where.rows && axis.name !== where.columns)
        .map((/** @type {any} */ axis) => select(`only ${axis.name}`, axis.name, [[any, "all"], ...axis.labels.map((/** @type {string} */ label) => [label, label])], where.only[axis.name] ?? any, (value) => choose({ only: { ...where.only, [axis.name]: value } }))),
      metrics.length ? select("metric", "Colour by", [["", "–"], ...metrics.map((name) => /** @type {[string, string]} */ ([name, metricWords(name)]))], metric, (value) => choose({ metric: value })) : null,
      button(chosen.play ? "Stop all" : "Play all", {
        icon: chosen.play ? "stop" : "play",
        kind: "quiet",
        name: "play",
        "aria-pressed": String(Boolean(chosen.play)),
        onclick: () => {
          wall.playAll(!chosen.play);
          choose({ play: !chosen.play });
        },
      }),
    );
    if (focus) /** @type {HTMLElement | null} */ (tools.querySelector(`[name="${CSS.escape(focus)}"]`))?.focus();
  }

  function drawLegend(/** @type {string} */ metric, /** @type {any} */ scale, /** @type {number} */ shown) {
    const hidden = sweep.table.length - shown;
    const words = hidden ? `${shown} of ${sweep.table.length} cells` : "";
    const lower = meanings[metric]?.better === "lower";
    const ends = scale?.count ? [lower ? scale.high : scale.low, lower ? scale.low : scale.high].map(formatNumber) : null;
    fill(legend, words ? h("span", {}, words) : null, metric && ends ? h("span", { class: "wb-legend" }, ends[0], h("span", { class: "wb-legend-bar", "aria-hidden": "true" }), ends[1], betterWords(meanings[metric]) ? h("span", {}, betterWords(meanings[metric])) : null) : null);
    legend.hidden = !legend.childElementCount;
  }

  function drawPicks() {
    const jobs = (chosen.selected ?? []).map((index) => sweep.table.find((/** @type {any} */ one) => one.index === index)?.job).filter(Boolean);
    picks.hidden = !jobs.length;
    if (!jobs.length) return void fill(picks);
    const may = jobs.length >= 2 && jobs.length <= 9;
    const compare = may ? linkButton("Compare", pageUrl(`/runs?compare=${jobs.join()}`), { icon: "compare", kind: "primary", ...(embedded() ? { target: "_blank", rel: "noopener" } : {}) }) : button("Compare", { icon: "compare", disabled: true });
    const clear = () => {
      wall.choose([]);
      choose({ selected: [] });
    };
    return void fill(picks, h("span", { role: "status" }, `${jobs.length} selected`), compare, may ? null : h("span", { class: "wb-muted" }, jobs.length < 2 ? "Select 2 to 9 cells." : "At most 9 are compared."), button("Clear", { kind: "quiet", onclick: clear }));
  }

  load();
  return {
    /** The same sweep with other choices, as after Back. @param {View} now */
    show(now) {
      chosen = now;
      wall.playAll(Boolean(now.play));
      wall.choose(now.selected ?? []);
      draw();
    },
    end() {
      ended = true;
      clearTimeout(timer);
      wall.end();
      element.replaceChildren();
    },
  };
}

/** The text for `workbench sweep`, to copy. @param {() => string} text */
export function specText(text) {
  const told = h("span", { class: "wb-muted", role: "status" });
  const shown = h("pre", { class: "wb-text", tabindex: 0 }, text());
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(text());
      told.textContent = "Copied.";
    } catch {
      window.getSelection()?.selectAllChildren(shown); // where the clipboard is not available
      told.textContent = "Press Ctrl+C to copy it.";
    }
  };
  return h("div", { class: "wb-spec-text" }, h("p", { class: "wb-muted" }, "Save it as ", h("code", {}, "sweep.yaml"), " for ", h("code", {}, "workbench sweep sweep.yaml"), "."), shown, h("div", { class: "wb-actions" }, button("Copy", { kind: "quiet", onclick: copy }), told));
}
