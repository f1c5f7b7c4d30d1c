// @ts-check
// The wall of a sweep: its cells in rows and columns. Cells are drawn when they come near, and only those in view play.

import { fill, h } from "./dom.js";
import { sweepCell } from "./sweep_cell.js";
import { arranged, scaleOf, wordsOf } from "./sweep_grid.js";

const NEAR_PX = 500; // cells are drawn this far outside of the pane
const DENSE = 6; // columns of cells
const MOST_PLAYING = 36; // decoders of one page

/**
 * Returns {update, play, picked, end}. `update(sweep, view)` draws the state; it changes only what differs.
 * @param {HTMLElement} element
 * @param {{page: (path: string) => string | null, tab?: boolean, picks?: boolean, picked?: (indexes: number[]) => void}} options
 */
export function sweepWall(element, { page, tab = false, picks = true, picked = () => {} }) {
  const pane = h("div", { class: "wb-wall", tabindex: 0, role: "region", "aria-label": "Cells" });
  fill(element, pane);
  /** @type {Map<number, ReturnType<typeof sweepCell>>} */
  const cells = new Map();
  /** @type {WeakMap<Element, number>} */
  const indexes = new WeakMap();
  /** @type {Set<number>} */
  const chosen = new Set();
  const inView = new Set();
  const playing = new Set();
  let structure = "";
  let playsAll = false;
  let anchor = -1;
  let aspect = 0;
  /** @type {any[]} */
  let order = []; // indexes of the shown cells, as they stand

  const near = new IntersectionObserver((entries) => {
    for (const entry of entries) {
      if (!entry.isIntersecting) continue;
      cells.get(indexes.get(entry.target) ?? -1)?.draw();
      near.unobserve(entry.target);
    }
  }, { root: pane, rootMargin: `${NEAR_PX}px` });
  const sight = new IntersectionObserver((entries) => {
    for (const entry of entries) {
      const index = indexes.get(entry.target) ?? -1;
      if (entry.isIntersecting) inView.add(index);
      else inView.delete(index);
    }
    balance();
  }, { threshold: 0.3 });

  /** Play what is in view, as far as a browser can. */
  function balance() {
    const wanted = new Set(playsAll && document.visibilityState === "visible" ? [...inView].slice(0, MOST_PLAYING) : []);
    for (const index of playing) {
      if (wanted.has(index)) continue;
      cells.get(index)?.rest();
      playing.delete(index);
    }
    for (const index of wanted) {
      playing.add(index);
      cells.get(index)?.play();
    }
  }

  function pick(/** @type {number} */ index, /** @type {boolean} */ on, /** @type {boolean} */ range) {
    const [from, to] = [order.indexOf(anchor), order.indexOf(index)];
    const these = range && from >= 0 ? order.slice(Math.min(from, to), Math.max(from, to) + 1) : [index];
    anchor = index;
    for (const one of these) mark(one, on);
    picked([...chosen]);
  }

  function mark(/** @type {number} */ index, /** @type {boolean} */ on) {
    if (on) chosen.add(index);
    else chosen.delete(index);
    cells.get(index)?.mark(on);
  }

  function shaped(/** @type {number} */ found) {
    if (aspect) return; // the first image tells, so that the wall moves once
    aspect = Math.min(2, Math.max(0.5, found));
    pane.style.setProperty("--wb-cell-aspect", aspect.toFixed(3));
  }

  function build(/** @type {any} */ sweep, /** @type {any} */ view) {
    const plan = arranged(sweep, view);
    near.disconnect();
    sight.disconnect();
    for (const cell of cells.values()) cell.rest();
    cells.clear();
    inView.clear();
    playing.clear();
    order = [];
    const make = (/** @type {any} */ one) => {
      const cell = sweepCell({ words: wordsOf(sweep.axes, one), caption: plan.caption(one), picked: (on, range) => pick(one.index, on, range), shaped, hovers: () => !playsAll });
      cells.set(one.index, cell);
      indexes.set(cell.element, one.index);
      order.push(one.index);
      if (chosen.has(one.index)) cell.mark(true);
      return cell.element;
    };
    const matrix = Boolean(view.rows || view.columns);
    pane.toggleAttribute("data-matrix", matrix);
    pane.dataset.rows = String(plan.down.length);
    pane.removeAttribute("data-dense");
    if (!matrix) fill(pane, h("div", { class: "wb-wall-flow" }, plan.shown.map(make)));
    else {
      const most = plan.down.flatMap((row) => plan.across.map((column) => plan.at(row, column).length));
      const wide = Math.min(3, Math.max(1, ...most)); // cells beside each other at one crossing
      pane.toggleAttribute("data-dense", wide * plan.across.length > DENSE);
      const head = (/** @type {string} */ words, /** @type {any[]} */ list, /** @type {string} */ kind) =>
        h("div", { class: `wb-wall-${kind}`, role: kind === "row" ? "rowheader" : "columnheader" }, picks && words ? h("button", { type: "button", title: "Select or clear these cells", onclick: () => toggle(list) }, words) : words);
      const all = (/** @type {number | null} */ row, /** @type {number | null} */ column) => plan.down.flatMap((r) => plan.across.flatMap((c) => ((row === null || r === row) && (column === null || c === column) ? plan.at(r, c).map((one) => one.index) : [])));
      fill(
        pane,
        h(
          "div",
          { class: "wb-wall-matrix", role: "table", "aria-label": `${view.rows || "cells"} by ${view.columns || "cells"}`, style: `--wb-columns: ${plan.across.length}; --wb-beside: ${wide}`, "data-rowless": view.rows ? null : "" },
          view.columns ? h("div", { class: "wb-wall-line wb-wall-head", role: "row" }, view.rows ? h("div", { class: "wb-wall-corner", role: "columnheader" }, h("span", {}, view.rows, " ↓"), h("span", {}, view.columns, " →")) : null, plan.across.map((at) => head(plan.columnLabel(at), all(null, at), "column"))) : null,
          plan.down.map((row) =>
            h("div", { class: "wb-wall-line", role: "row" }, view.rows ? head(plan.rowLabel(row), all(row, null), "row") : null, plan.across.map((column) => h("div", { class: "wb-wall-crossing", role: "cell" }, plan.at(row, column).map(make)))),
          ),
        ),
      );
    }
    for (const cell of cells.values()) {
      near.observe(cell.element);
      sight.observe(cell.element);
    }
    pane.toggleAttribute("data-empty", !plan.shown.length);
  }

  function toggle(/** @type {number[]} */ list) {
    const on = !list.every((index) => chosen.has(index));
    for (const index of list) mark(index, on);
    picked([...chosen]);
  }

  const visible = () => balance();
  document.addEventListener("visibilitychange", visible);

  return {
    /**
     * @param {any} sweep  SweepInFull.
     * @param {{rows: string, columns: string, only: Record<string, string>, metric: string, better: string, meanings: Record<string, any>}} view
     */
    update(sweep, view) {
      const key = JSON.stringify([sweep.axes, view.rows, view.columns, view.only, sweep.table.map((/** @type {any} */ one) => one.at)]);
      if (key !== structure) {
        structure = key;
        build(sweep, view);
      }
      const scale = view.metric ? scaleOf(sweep.table.filter((/** @type {any} */ one) => cells.has(one.index)), view.metric, view.better) : null;
      const look = { metric: view.metric, meanings: view.meanings, scale, picks, page, tab };
      for (const one of sweep.table) cells.get(one.index)?.update(one, look);
      if (playsAll) balance();
      return { shown: cells.size, scale };
    },
    /** @param {boolean} on */
    playAll(on) {
      playsAll = on;
      balance();
    },
    /** @param {number[]} list */
    choose(list) {
      for (const index of [...chosen]) mark(index, false);
      for (const index of list) mark(index, true);
    },
    end() {
      near.disconnect();
      sight.disconnect();
      document.removeEventListener("visibilitychange", visible);
      for (const cell of cells.values()) cell.rest();
      element.replaceChildren();
    },
  };
}
