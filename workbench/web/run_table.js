// @ts-check
// A table of many runs with sorting, filtering and selection. The document contains only the visible rows.

import { badge, fill, find, formatNumber, h, seconds, when } from "./dom.js";
import { betterWords } from "./metrics.js";
import { liveRuns } from "./live_runs.js";

const ROW_PX = 34;
const HEIGHT_PX = 420;
const SPARE = 6; // extra rows above and below the visible ones

/** Draw the table. Rows, columns and the selection are traits of the model. Returns a function that removes it. */
export function table(element, _, model) {
  let sort = { name: "created", down: true };
  let text = "";
  let status = "";
  let shown = []; // rows after filter and sort
  let anchor = 0; // start of a range selection
  let active = 0; // the row with the keyboard focus
  const drawn = new Map(); // index -> element
  const name = `wb-grid-${(tables += 1)}`;
  const selected = () => new Set(model.get("selected"));

  const count = h("span", { class: "wb-muted", role: "status" });
  const head = h("div", { class: "wb-grid-head", role: "row" });
  const body = h("div", { class: "wb-grid-body" });
  const pane = h("div", { class: "wb-grid-pane", role: "grid", tabindex: 0, "aria-label": "Runs", "aria-multiselectable": "true", style: `max-height: ${HEIGHT_PX}px` }, head, body);
  const states = h("select", { class: "wb-select", "aria-label": "Status", onchange: (event) => ((status = event.currentTarget.value), arrange()) });
  const search = h("input", { class: "wb-input", type: "search", placeholder: "Search", "aria-label": "Search", oninput: (event) => ((text = event.currentTarget.value.toLowerCase()), arrange()) });
  fill(element, h("div", { class: "wb-grid" }, h("div", { class: "wb-filters" }, search, states, count), pane));

  const live = liveRuns((jobId, now) => {
    const one = model.get("rows").find((item) => item.jobId === jobId);
    if (!one || one.status === now.status) return;
    one.status = now.status;
    arrange();
  }, () => model.send({ kind: "refresh" })); // loads the times and the metrics

  const columns = () => model.get("columns");
  const template = () => columns().map((one) => (one.name === "title" ? "minmax(160px, 2fr)" : one.name === "status" ? "112px" : one.number ? "minmax(84px, 0.6fr)" : "minmax(92px, 1fr)")).join(" ");

  function arrange() {
    const rows = model.get("rows");
    const known = new Set(rows.map((one) => one.status));
    if (states.dataset.known !== [...known].sort().join()) {
      states.dataset.known = [...known].sort().join();
      fill(states, h("option", { value: "" }, "Any status"), [...known].sort().map((one) => h("option", { value: one, selected: one === status }, one)));
    }
    shown = rows.filter((one) => (!status || one.status === status) && (!text || searchText(one).includes(text)));
    shown.sort((a, b) => compare(a[sort.name], b[sort.name]) * (sort.down ? -1 : 1));
    active = Math.min(active, Math.max(0, shown.length - 1));
    drawHead();
    body.style.height = `${shown.length * ROW_PX}px`;
    pane.setAttribute("aria-rowcount", String(shown.length + 1));
    for (const one of drawn.values()) one.remove();
    drawn.clear();
    drawRows();
    updateCount();
  }

  function drawHead() {
    pane.style.setProperty("--wb-columns", template());
    fill(
      head,
      columns().map((one) =>
        h(
          "button",
          { type: "button", class: "wb-grid-title", role: "columnheader", title: [one.name, one.unit ? `in ${one.unit}` : "", betterWords(one), one.meaning].filter(Boolean).join(" · "), "aria-description": [one.unit ? `in ${one.unit}` : "", betterWords(one), one.meaning].filter(Boolean).join(". ") || null, "data-number": one.number ? "" : null, "data-column": one.name, "aria-sort": sort.name === one.name ? (sort.down ? "descending" : "ascending") : "none", onclick: () => turn(one) },
          one.unit ? `${one.label}, ${one.unit}` : one.label,
          one.better === "lower" || one.better === "higher" ? h("span", { class: "wb-metric-better", "aria-hidden": "true" }, one.better === "lower" ? " (less is better)" : " (more is better)") : null,
          h("span", { "aria-hidden": "true" }, sort.name === one.name ? (sort.down ? " ↓" : " ↑") : ""),
        ),
      ),
    );
  }

  function turn(column) {
    sort = { name: column.name, down: sort.name === column.name ? !sort.down : Boolean(column.number) || column.name === "created" };
    arrange();
    find(head, `[data-column="${CSS.escape(column.name)}"]`)?.focus();
  }

  /** Add rows that became visible and remove rows that are no longer visible. All others remain untouched. */
  function drawRows() {
    const top = Math.max(0, pane.scrollTop - ROW_PX);
    const first = Math.max(0, Math.floor(top / ROW_PX) - SPARE);
    const last = Math.min(shown.length, Math.ceil((top + HEIGHT_PX) / ROW_PX) + SPARE);
    for (const [index, one] of drawn) {
      if (index >= first && index < last) continue;
      one.remove();
      drawn.delete(index);
    }
    const chosen = selected();
    const fresh = [];
    for (let index = first; index < last; index += 1) {
      if (drawn.has(index)) continue;
      const one = row(index, chosen);
      drawn.set(index, one);
      fresh.push(one);
    }
    body.append(...fresh);
    live.follow([...drawn.keys()].map((index) => shown[index])); // the number of jobs per socket is limited
  }

  function row(index, chosen) {
    const one = shown[index];
    return h(
      "div",
      {
        class: "wb-grid-row",
        role: "row",
        id: `${name}-${index}`,
        "data-id": one.jobId,
        "data-active": index === active ? "" : null,
        "aria-rowindex": index + 2,
        "aria-selected": String(chosen.has(one.jobId)),
        style: `top: ${index * ROW_PX}px`,
        onclick: (event) => choose(index, event),
      },
      columns().map((column) => h("span", { role: "gridcell", "data-number": column.number ? "" : null, title: typeof one[column.name] === "string" ? one[column.name] : null }, cell(column, one[column.name]))),
    );
  }

  function choose(index, { shiftKey = false, ctrlKey = false, metaKey = false } = {}) {
    const id = shown[index]?.jobId;
    if (!id) return;
    let now = selected();
    if (shiftKey) now = new Set(shown.slice(Math.min(anchor, index), Math.max(anchor, index) + 1).map((one) => one.jobId));
    else if (ctrlKey || metaKey) now = now.has(id) ? new Set([...now].filter((one) => one !== id)) : now.add(id);
    else now = now.size === 1 && now.has(id) ? new Set() : new Set([id]);
    if (!shiftKey) anchor = index;
    active = index;
    model.set("selected", [...now]);
    mark();
  }

  function mark() {
    const chosen = selected();
    for (const [index, one] of drawn) {
      one.setAttribute("aria-selected", String(chosen.has(one.dataset.id)));
      one.toggleAttribute("data-active", index === active);
    }
    pane.setAttribute("aria-activedescendant", `${name}-${active}`);
    updateCount();
  }

  function updateCount() {
    const all = model.get("rows").length;
    const chosen = model.get("selected").length;
    const runs = all === 1 ? "run" : "runs";
    const what = shown.length === all ? `${all} ${runs}` : `${shown.length} of ${all} ${runs}`;
    const words = chosen ? `${what} · ${chosen} selected` : what;
    if (count.textContent !== words) count.textContent = words;
  }

  pane.addEventListener("scroll", drawRows, { passive: true });
  pane.addEventListener("keydown", (event) => {
    const steps = { ArrowDown: 1, ArrowUp: -1, PageDown: 10, PageUp: -10, Home: -shown.length, End: shown.length };
    if (event.target !== pane) return;
    if (event.key in steps) active = Math.max(0, Math.min(shown.length - 1, active + steps[event.key]));
    else if (event.key === "Enter" || event.key === " ") choose(active, { ctrlKey: event.key === " ", shiftKey: event.shiftKey });
    else if (event.key === "a" && (event.ctrlKey || event.metaKey)) {
      model.set("selected", shown.map((one) => one.jobId));
    } else return;
    event.preventDefault();
    event.stopPropagation(); // the notebook has its own keyboard shortcuts
    const top = active * ROW_PX;
    if (top < pane.scrollTop) pane.scrollTop = top;
    else if (top > pane.scrollTop + HEIGHT_PX - 3 * ROW_PX) pane.scrollTop = top - HEIGHT_PX + 3 * ROW_PX;
    drawRows();
    mark();
  });

  const forget = [model.watch("rows", arrange), model.watch("columns", arrange), model.watch("selected", mark)];
  arrange();
  return () => {
    live.end();
    for (const one of forget) one();
    element.replaceChildren();
  };
}

let tables = 0;
const TIMES = new Set(["compute_seconds", "waiting_seconds", "first_frame_seconds"]);

const searchText = (row) => Object.values(row).filter((one) => typeof one === "string").join("\n").toLowerCase();

/** Numbers by value, texts alphabetically, missing values below all others. */
function compare(a, b) {
  if (a === b) return 0;
  if (a === null || a === undefined) return -1;
  if (b === null || b === undefined) return 1;
  return typeof a === "number" && typeof b === "number" ? a - b : String(a).localeCompare(String(b));
}

function cell(column, value) {
  if (value === null || value === undefined) return "";
  if (column.name === "status") return badge(value);
  if (column.name === "created") return when(value);
  if (TIMES.has(column.name)) return seconds(value);
  return typeof value === "number" ? formatNumber(value) : typeof value === "object" ? JSON.stringify(value) : String(value);
}
