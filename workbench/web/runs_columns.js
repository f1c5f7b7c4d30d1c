// @ts-check
// The columns of the list of runs: chosen in a popover, sorted by at their heads.

import { ask } from "./api.js";
import { button, fill, formatNumber, h, icon, problem } from "./dom.js";
import { popover } from "./popover.js";

/** @typedef {Api.Schema<"KnownColumn">} Column */

const MOST = 30;
const SUGGESTED = 4;
const WIDTH_PX = 104;

/** "metric:evaluate.wer" -> "wer"; with the node if another chosen column has the same name. */
export function columnName(id, all = [id]) {
  const whole = id.slice(id.indexOf(":") + 1);
  const name = whole.slice(whole.indexOf(".") + 1);
  return all.some((one) => one !== id && one.endsWith(`.${name}`)) ? whole : name;
}

/** The value of a cell, short. */
export function cellText(value) {
  if (value === null || value === undefined) return "";
  if (typeof value === "number") return formatNumber(value);
  if (typeof value === "boolean") return value ? "yes" : "no";
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}

/** Three digits, without zeros at the end. */
const short = (value) => String(Number(value.toPrecision(3)));

/** The columns of the grid that rows and heads share. */
export function template(columns) {
  const chosen = columns.length ? `repeat(${columns.length}, minmax(72px, ${WIDTH_PX}px)) ` : "";
  return { "--wb-run-columns": `64px minmax(190px, 1fr) ${chosen}minmax(130px, ${columns.length ? "160px" : "22%"}) 96px`, "--wb-run-width": columns.length ? `${590 + columns.length * (WIDTH_PX + 16)}px` : "0px" };
}

/**
 * The heads of the list: each sorts by its column, first in the direction that is better.
 * @param {() => {sort: string, column: string[]}} wanted
 * @param {(sort: string) => void} changed
 */
export function heads(wanted, changed) {
  const element = h("div", { class: "wb-rows-head", role: "group", "aria-label": "Sort" });
  const choice = h("select", { class: "wb-select", "aria-label": "Sort by", onchange: () => changed(choice.value) });
  /** @type {Map<string, Column>} */
  const known = new Map();
  const firstDown = (id) => id === "created" || id === "rating" || known.get(id)?.better === "higher";
  const head = (id, word, place) => {
    const { sort } = wanted();
    const down = sort === `-${id}`;
    const active = down || sort === id;
    const next = active ? (down ? id : `-${id}`) : firstDown(id) ? `-${id}` : id;
    const about = known.get(id);
    return h(
      "button",
      { type: "button", class: "wb-head", "data-place": place, "data-active": active ? "" : null, "data-down": down ? "" : null, "aria-label": `Sort by ${word}${active ? `, now ${down ? "largest" : "smallest"} first` : ""}`, title: [id.slice(id.indexOf(":") + 1), about?.meaning, about?.better && about.better !== "neither" ? `${about.better} is better` : ""].filter(Boolean).join(" · "), onclick: () => changed(next) },
      h("span", {}, word),
      about?.unit ? h("span", { class: "wb-head-unit" }, about.unit) : null,
      active ? icon(down ? "down" : "up") : null,
    );
  };
  function draw() {
    const { sort, column } = wanted();
    const focused = element.contains(document.activeElement) ? document.activeElement?.getAttribute("data-place") : null;
    fill(element, head("rating", "Rating", "run"), column.map((id) => head(id, columnName(id, column), id)), head("seconds", "Time", "seconds"), head("created", "Created", "created"));
    if (focused) [...element.children].find((one) => one instanceof HTMLElement && one.dataset.place === focused && (one.focus(), true));
    const choices = [["created", "Created"], ["seconds", "Time"], ["rating", "Rating"], ...column.map((id) => [id, columnName(id, column)])];
    const sortOf = sort.replace(/^-/, "");
    if (!choices.some(([id]) => id === sortOf)) choices.push([sortOf, columnName(sortOf)]);
    fill(choice, choices.flatMap(([id, word]) => [`-${id}`, id].map((value) => h("option", { value, selected: value === sort }, `${word}, ${value === id ? "smallest" : "largest"} first`))));
    choice.value = sort;
  }
  const learn = (/** @type {Column[]} */ columns) => {
    for (const one of columns) known.set(one.id, one);
    draw();
  };
  draw();
  return { element, choice, draw, learn };
}

/**
 * The popover that chooses columns.
 * @param {() => string[]} chosen
 * @param {() => Record<string, any>} filters  Of the HTTP API: the columns of matching runs are offered.
 * @param {(columns: string[]) => void} changed
 * @param {(columns: Column[]) => void} [learned]
 */
export function columnChoice(chosen, filters, changed, learned = () => {}) {
  const pop = popover("Columns", draw, { icon: "columns" });

  async function draw(/** @type {HTMLElement} */ panel) {
    panel.classList.add("wb-columns-panel");
    const search = h("input", { class: "wb-input", type: "search", placeholder: "Find a parameter or metric", "aria-label": "Find a parameter or metric", oninput: () => show(found) });
    const list = h("div", { class: "wb-columns-list" }, h("p", { class: "wb-muted" }, "…"));
    /** @type {Column[]} */
    let found = [];
    const none = button("None", { kind: "quiet", onclick: () => set([]) });
    const varying = button("Those that differ", { kind: "quiet", onclick: () => set(suggestion(found)) });
    fill(panel, search, list, h("div", { class: "wb-actions wb-pop-foot" }, varying, none));
    const set = (columns) => {
      changed(columns);
      show(found);
    };
    function show(/** @type {Column[]} */ columns) {
      const wanted = search.value.trim().toLowerCase();
      const here = columns.filter((one) => `${one.node}.${one.name} ${one.title} ${one.meaning}`.toLowerCase().includes(wanted));
      const part = (title, some) => (some.length ? h("fieldset", {}, h("legend", {}, title), some.map(line)) : null);
      const of = (kind, varies) => here.filter((one) => one.kind === kind && one.varies === varies);
      const same = here.filter((one) => !one.varies);
      const fold = list.querySelector("details");
      const rest = same.length ? h("details", { open: Boolean(wanted) || fold?.open || same.some((one) => chosen().includes(one.id)) }, h("summary", {}, `The same in all runs (${same.length})`), same.map(line)) : null;
      const focused = document.activeElement instanceof HTMLInputElement && list.contains(document.activeElement) ? document.activeElement.value : null;
      fill(list, part("Metrics", of("metric", true)), part("Parameters", of("param", true)), rest, here.length ? null : h("p", { class: "wb-muted" }, columns.length ? "None has this name." : "These runs have no parameters or metrics."));
      if (focused) /** @type {HTMLElement | null} */ (list.querySelector(`input[value="${CSS.escape(focused)}"]`))?.focus();
      varying.disabled = !suggestion(columns).length;
    }
    function line(/** @type {Column} */ one) {
      const now = chosen();
      const checked = now.includes(one.id);
      const range = one.least === null || one.least === undefined ? "" : one.least === one.most ? short(one.least) : `${short(one.least)} – ${short(one.most)}`;
      return h(
        "label",
        { class: "wb-check wb-column-choice", title: one.meaning || null },
        h("input", { type: "checkbox", value: one.id, checked, disabled: !checked && now.length >= MOST, onchange: () => set(checked ? now.filter((id) => id !== one.id) : [...now, one.id]) }),
        h("span", {}, h("span", { class: "wb-muted" }, `${one.node}.`), one.name),
        h("span", { class: "wb-muted wb-column-range" }, [range, one.unit, one.better === "higher" ? "↑" : one.better === "lower" ? "↓" : ""].filter(Boolean).join(" ")),
      );
    }
    try {
      found = (await ask("GET /api/columns", filters())).columns;
      learned(found);
      show(found);
      pop.place();
    } catch (error) {
      fill(list, problem(error, { compact: true }));
    }
  }
  return pop;
}

/** Columns in which the runs differ: metrics first, numbers before texts. @param {Column[]} columns */
function suggestion(columns) {
  const varying = columns.filter((one) => one.varies && !["prompt", "script"].includes(one.name));
  const metrics = varying.filter((one) => one.kind === "metric").slice(0, SUGGESTED);
  return [...metrics, ...varying.filter((one) => one.kind === "param").slice(0, SUGGESTED)].map((one) => one.id);
}
