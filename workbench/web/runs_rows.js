// @ts-check
// The rows of the list of runs. A row is moved and updated rather than drawn anew, so that the focus remains.

import { badge, fill, h, icon, times, when } from "./dom.js";
import { playOnHover } from "./hover_play.js";
import { isFinal } from "./job.js";
import { cellText, columnName, template } from "./runs_columns.js";

/**
 * @param {object} given
 * @param {ReturnType<typeof import("./selection.js").selection>} given.selected
 * @param {() => {compare: string, column: string[]}} given.wanted
 * @param {(one: Api.Schema<"JobSummary">, change: Record<string, any>) => void} given.mark
 */
export function rowsOf({ selected, wanted, mark }) {
  const element = h("div", { class: "wb-rows", role: "list", "aria-label": "Runs", onkeydown: keys });
  /** @type {Map<string, Record<string, any>>} */
  const lines = new Map();
  let shown = "";
  /** @type {Api.Schema<"JobSummary">[]} */
  let list = [];

  /** Draw these runs. Returns the ids that are no longer there. */
  function draw(/** @type {Api.Schema<"JobSummary">[]} */ jobs) {
    list = jobs;
    const columns = wanted().column.join();
    const key = `${columns} ${jobs.map((one) => one.jobId).join()}`;
    if (key !== shown) {
      if (!shown.startsWith(`${columns} `)) {
        lines.clear();
        fill(element);
      }
      shown = key;
      arrange(jobs);
    }
    jobs.forEach(update);
  }

  function forget() {
    shown = "";
    list = [];
    lines.clear();
    selected.rows([]);
  }

  function arrange(/** @type {Api.Schema<"JobSummary">[]} */ jobs) {
    const ids = new Set(jobs.map((one) => one.jobId));
    /** @type {Map<string | undefined, HTMLElement>} */
    const there = new Map();
    for (const item of /** @type {HTMLElement[]} */ ([...element.children])) {
      if (item.dataset.item && ids.has(item.dataset.item)) there.set(item.dataset.item, item);
      else {
        lines.delete(item.dataset.item ?? "");
        item.remove();
      }
    }
    jobs.forEach((one, index) => {
      const item = there.get(one.jobId) ?? row(one);
      if (element.children[index] !== item) element.insertBefore(item, element.children[index] ?? null);
    });
    selected.rows(jobs.map((one) => one.jobId));
  }

  function row(/** @type {Api.Schema<"JobSummary">} */ one) {
    const { compare: picking, column } = wanted();
    const cells = column.map((id) => h("span", { class: "wb-cell", "data-column": id }, h("span", { class: "wb-cell-name" }, columnName(id, column)), h("span", { class: "wb-cell-value" })));
    const parts = {
      thumb: h("span", { class: "wb-thumb" }, icon("play")),
      status: h("span", {}),
      words: h("span", { class: "wb-muted wb-row-words" }),
      bar: h("progress", { class: "wb-bar", max: 1, value: 0, "aria-label": "Progress" }),
      marks: h("span", { class: "wb-row-marks" }),
      cells,
      star: h("button", { type: "button", class: "wb-star", onclick: () => mark(lineOf(one.jobId) ?? one, { starred: !(lineOf(one.jobId) ?? one).starred }) }, icon("star")),
    };
    playOnHover(parts.thumb, () => lineOf(one.jobId)?.video);
    const href = picking ? (picking === one.jobId ? "/runs" : `/runs?compare=${picking},${one.jobId}`) : `/runs?job=${one.jobId}`;
    const link = h(
      "a",
      { class: "wb-row", href, "data-job": one.jobId },
      parts.thumb,
      h(
        "span",
        { class: "wb-row-main" },
        h("span", { class: "wb-row-title" }, one.title || one.pipeline || "A graph"),
        h("span", { class: "wb-row-more" }, h("span", { class: "wb-muted" }, [one.pipeline, one.experiment, one.owner === "local" ? null : one.owner].filter(Boolean).join(" · ")), parts.marks),
      ),
      cells.length ? h("span", { class: "wb-cells" }, cells) : null,
      h("span", { class: "wb-row-state" }, parts.status, parts.words, parts.bar),
      h("span", { class: "wb-row-when wb-muted" }, when(one.created)),
    );
    lines.set(one.jobId, parts);
    return h("div", { role: "listitem", class: "wb-row-item", "data-item": one.jobId }, picking ? null : [selected.box(one), parts.star], link);
  }

  function update(/** @type {Api.Schema<"JobSummary">} */ one) {
    const parts = lines.get(one.jobId);
    if (!parts) return;
    if (parts.shown !== one.status) fill(parts.status, badge(one.status));
    parts.shown = one.status;
    if (one.thumbnail && parts.thumbnail !== one.thumbnail) {
      parts.thumbnail = one.thumbnail;
      fill(parts.thumb, h("img", { src: one.thumbnail, alt: "", loading: "lazy", onerror: () => fill(parts.thumb, icon("play")) }));
    }
    fill(parts.words, one.status === "failed" ? (one.error?.message ?? "") : isFinal(one.status) ? times(one) : one.waiting || `${Math.round((one.progress ?? 0) * 100)} %`);
    parts.bar.hidden = isFinal(one.status);
    parts.bar.value = one.progress ?? 0;
    parts.star.setAttribute("aria-pressed", String(Boolean(one.starred)));
    parts.star.setAttribute("aria-label", `${one.starred ? "Remove the star of" : "Star"} ${one.title || one.jobId}`);
    const said = JSON.stringify([one.rating, one.tags]);
    if (parts.said !== said) fill(parts.marks, one.rating ? h("span", { class: "wb-rating", "aria-label": `Rated ${one.rating} of 5`, title: `Rated ${one.rating} of 5` }, "★".repeat(one.rating), h("span", { "aria-hidden": "true" }, "★".repeat(5 - one.rating))) : null, (one.tags ?? []).map((tag) => h("span", { class: "wb-chip" }, tag)));
    parts.said = said;
    for (const cell of parts.cells) {
      const text = cellText(one.values?.[cell.dataset.column]);
      const value = cell.lastChild;
      if (value.textContent !== text) value.textContent = text;
      cell.toggleAttribute("data-none", !text);
      if (text.length > 12) cell.title = text;
    }
  }

  const lineOf = (/** @type {string} */ jobId) => list.find((one) => one.jobId === jobId);

  /** Arrows move the focus, x selects (with Shift a range), s stars, 0 to 5 rate, Control and A select the page. */
  function keys(/** @type {KeyboardEvent} */ event) {
    const item = event.target instanceof Element ? /** @type {HTMLElement | null} */ (event.target.closest(".wb-row-item")) : null;
    const one = item?.dataset.item ? lineOf(item.dataset.item) : undefined;
    if (!item || !one || wanted().compare || event.altKey) return;
    const step = { ArrowDown: item.nextElementSibling, ArrowUp: item.previousElementSibling }[event.key];
    if ((event.ctrlKey || event.metaKey) && event.key === "a") selected.set(selected.page());
    else if (event.ctrlKey || event.metaKey) return;
    else if (step) {
      /** @type {HTMLElement | null} */ (step.querySelector(".wb-row"))?.focus();
      const next = /** @type {HTMLElement} */ (step).dataset.item;
      if (event.shiftKey && next) selected.set([one.jobId, next]);
    } else if (event.key.toLowerCase() === "x") selected.pick(one.jobId, { range: event.shiftKey });
    else if (event.key === "s") mark(one, { starred: !one.starred });
    else if (/^[0-5]$/.test(event.key)) mark(one, { rating: Number(event.key) });
    else if (event.key === "Escape" && selected.ids().length) selected.clear();
    else return;
    event.preventDefault();
  }

  /** The width of the columns, which heads and rows share. */
  const styles = (/** @type {HTMLElement} */ frame) => {
    for (const [name, value] of Object.entries(template(wanted().column))) frame.style.setProperty(name, value);
  };
  return { element, draw, update, forget, lineOf, styles, has: () => lines.size > 0 };
}
