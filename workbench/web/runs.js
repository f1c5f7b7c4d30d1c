// @ts-check
// The page Runs: a live list with everything it shows in the address, the details of a run, and the comparison of runs.

import { ask } from "./api.js";
import { query } from "./channel.js";
import { compare } from "./compare.js";
import { button, empty, fill, h } from "./dom.js";
import { isGone } from "./gone.js";
import { liveRuns } from "./live_runs.js";
import { problemsIn } from "./messages.js";
import { missingIn } from "./parameter_filter.js";
import { run } from "./run.js";
import { selectedRuns } from "./runs_actions.js";
import { FILTERS, NEWEST, apiFilters, conditions, onlyFilters, readAddress, selectedText, writeAddress } from "./runs_address.js";
import { columnChoice, heads } from "./runs_columns.js";
import { filters, offer } from "./runs_filters.js";
import { rowsOf } from "./runs_rows.js";
import { savedViews } from "./runs_views.js";
import { experimentLink, selection } from "./selection.js";
import { setTitle } from "./title.js";

const PAGE = 30;
const TYPED = new Set(["text", "parameter", "metric"]);
const EVERY_MS = 4000;

export function mount(element) {
  /** @type {(() => void) | null | void} */
  let end = null;
  /** @type {{job: string, select: (node: string | null) => void} | null} */
  let open = null;
  const show = () => {
    const address = new URLSearchParams(window.location.search);
    const job = address.get("job");
    if (open && job === open.job) return open.select(address.get("node")); // the videos of the run play on
    end?.();
    end = null;
    open = null;
    const compared = address.get("compare") ?? "";
    if (address.get("job")) end = showRun(element, address);
    else if (compared.includes(",")) end = compare(element, compared, back);
    else {
      list = window.location.pathname + window.location.search;
      end = showList(element, address, (now) => (list = now));
    }
    return setTitle(`${job ? `Run ${job}` : address.get("compare") ? "Compare runs" : "Runs"} · Workbench`);
  };
  /** Move the focus to the new content after a navigation inside the page, for keyboards and screen readers. */
  const arrive = () => {
    const target = element.querySelector("h2") ?? element.firstElementChild;
    target?.setAttribute("tabindex", "-1");
    target?.focus({ preventScroll: true });
  };
  let list = "/runs"; // with its filters and its page
  const back = () => {
    window.history.pushState(null, "", list);
    show();
  };
  window.addEventListener("popstate", show);
  element.addEventListener("click", (event) => {
    const link = event.target.closest("a[href^='/runs']");
    if (!link || event.metaKey || event.ctrlKey || event.shiftKey || event.button) return;
    event.preventDefault();
    window.history.pushState(null, "", link.dataset.back !== undefined ? list : link.getAttribute("href"));
    show();
    window.scrollTo(0, 0);
    arrive();
  });
  show();

  function showRun(host, address) {
    const inner = h("div", {});
    fill(host, h("a", { class: "wb-button quiet", href: "/runs", "data-back": "" }, "← All runs"), inner);
    const job = address.get("job") ?? "";
    const shown = run(inner, {
      jobId: job,
      node: address.get("node"),
      select: (node) => window.history.pushState(null, "", `/runs${query({ job, node })}`),
      gone: () => {
        back();
        arrive();
      },
    });
    open = { job, select: shown.select };
    return shown.end;
  }
}

function showList(element, address, moved) {
  const wanted = readAddress(address);
  const frame = h("div", { class: "wb-rows-frame" });
  const pages = h("nav", { class: "wb-pages", "aria-label": "Pages" });
  const messages = h("div", {});
  const deleted = h("div", { role: "status" });
  const unfinished = h("p", { class: "wb-muted wb-unfinished", role: "status", hidden: true });
  const show = problemsIn(messages);
  const range = h("span", { class: "wb-muted", role: "status" });
  const inMlflow = experimentLink();
  const state = { ended: false, place: { offset: 0, total: 0, asked: "" }, titles: new Map(), list: /** @type {Api.Schema<"JobSummary">[]} */ ([]) };
  let asked = 0;
  // The last conditions that are not half-typed.
  const finished = { parameter: lacking("parameter") ? "" : wanted.parameter, metric: lacking("metric") ? "" : wanted.metric };

  const selected = selection(wanted.selected.split(",").filter((id) => id && id !== "all"), (ids) => {
    wanted.selected = selectedText(ids);
    note();
    bulk.draw();
  });
  const rows = rowsOf({ selected, wanted: () => wanted, mark: (one, change) => bulk.mark(change, [one.jobId]) });
  const bulk = selectedRuns({ selected, total: () => state.place.total, filters: () => apiFilters({ ...wanted, ...finished, offset: /** @type {any} */ ("") }), lineOf: rows.lineOf, reload: load });
  const order = heads(() => wanted, (sort) => arrange({ sort }));
  const columns = columnChoice(() => wanted.column, () => onlyFilters({ ...wanted, ...finished }), (column) => arrange({ column }), order.learn);
  const views = savedViews(() => wanted);

  /** Each choice is a step of Back; the letters typed into one field are one step. */
  let typedInto = "";
  function note(/** @type {string} */ field = "") {
    const now = writeAddress(wanted);
    const step = TYPED.has(field) && typedInto === field ? "replaceState" : "pushState";
    typedInto = field;
    moved(now);
    if (now !== window.location.pathname + window.location.search) window.history[step](null, "", now);
  }
  /** Another order or other columns. */
  function arrange(/** @type {{sort?: string, column?: string[]}} */ change) {
    Object.assign(wanted, change, change.sort ? { offset: 0 } : {});
    note();
    order.draw();
    rows.styles(frame);
    load();
  }
  const turn = (step) => {
    wanted.offset = Math.max(0, state.place.offset + step);
    note();
    load();
  };
  const newer = button("Newer", { disabled: true, kind: "quiet", onclick: () => turn(-PAGE) });
  const older = button("Older", { disabled: true, kind: "quiet", onclick: () => turn(PAGE) });
  fill(pages, range, newer, older);
  const filtered = () => FILTERS.some((name) => wanted[name].length);

  function lacking(/** @type {string} */ name) {
    const one = name === "metric" ? (conditions(wanted.metric).map(missingIn).find(Boolean) ?? "") : missingIn(String(wanted.parameter));
    return name === "metric" ? one.replace("a parameter", "a metric") : one;
  }

  async function load() {
    const lacks = lacking("parameter") || lacking("metric");
    unfinished.hidden = !lacks;
    unfinished.textContent = lacks ? `The list keeps its last filter: type ${lacks}.` : "";
    if (!lacking("parameter")) finished.parameter = wanted.parameter;
    if (!lacking("metric")) finished.metric = wanted.metric;
    const mine = ++asked;
    try {
      const answer = await ask("GET /api/jobs", { limit: PAGE, ...apiFilters({ ...wanted, ...finished }) });
      if (state.ended || mine !== asked) return;
      show(null);
      draw(answer);
    } catch (error) {
      if (!state.ended && mine === asked) show(error);
    }
  }

  function draw({ jobs, pagination }) {
    state.list = jobs;
    sayDeleted(new Set(jobs.map((one) => one.jobId)));
    for (const { experiment } of jobs) offer(element.querySelector('select[name="experiment"]'), wanted.experiment, [experiment]);
    frame.toggleAttribute("data-empty", !jobs.length);
    if (jobs.length) rows.draw(jobs);
    else {
      rows.forget();
      fill(rows.element, filtered() ? empty("No matching runs", "Remove a filter.", button("All runs", { onclick: () => window.location.assign("/runs") })) : empty("No runs yet", "The first video takes two clicks.", h("a", { class: "wb-button primary", href: "/" }, "Make a video")));
    }
    live.follow(jobs);
    state.place = { ...pagination, asked: JSON.stringify(apiFilters(wanted)) };
    state.titles = new Map(jobs.map((one) => [one.jobId, one.title || one.pipeline || one.jobId]));
    const to = pagination.offset + jobs.length;
    const words = jobs.length ? `${(pagination.offset + 1).toLocaleString("en-GB")}–${to.toLocaleString("en-GB")} of ${pagination.total.toLocaleString("en-GB")}` : "";
    if (range.textContent !== words) range.textContent = words;
    const byTime = wanted.sort === NEWEST;
    if (newer.lastChild) newer.lastChild.textContent = byTime ? "Newer" : "Before";
    if (older.lastChild) older.lastChild.textContent = byTime ? "Older" : "Next";
    newer.disabled = pagination.offset === 0;
    older.disabled = to >= pagination.total;
    bulk.draw();
  }

  /** Say which rows are gone because their runs were deleted, and not because newer ones took their places. */
  async function sayDeleted(/** @type {Set<string>} */ ids) {
    const place = JSON.stringify(apiFilters(wanted));
    const left = state.place.asked === place ? [...state.titles].filter(([id]) => !ids.has(id) && !bulk.gone.has(id)).slice(0, 3) : [];
    for (const [jobId, title] of left) {
      if (!(await isGone(jobId).catch(() => false)) || state.ended) continue;
      if (selected.has(jobId)) selected.set([jobId], false);
      fill(deleted, h("p", { class: "wb-notice" }, `“${title}” was deleted.`));
    }
  }

  const live = liveRuns((jobId, now) => {
    const one = rows.lineOf(jobId);
    if (!one) return;
    Object.assign(one, { status: now.status, progress: now.progress, waiting: now.waiting });
    rows.update(one);
  }, load); // loads the thumbnails and the times

  // Put a filter into the address at once, so that "back" works even if the user opens a row before the response.
  const bar = filters(
    wanted,
    (name) => {
      wanted.offset = 0;
      note(name);
      inMlflow.set(wanted.experiment);
    },
    () => !state.ended && load(), // the user may have left the list in the meantime
  );
  const sweep = wanted.sweep ? h("p", { class: "wb-notice" }, "Runs of the sweep ", h("a", { href: `/sweeps?sweep=${wanted.sweep}` }, wanted.sweep), ". ", h("a", { href: "/runs" }, "All runs")) : null;
  const selectPage = wanted.compare ? null : h("label", { class: "wb-row-select" }, selected.pageBox);
  fill(frame, h("div", { class: "wb-rows-top" }, selectPage, order.element), rows.element);
  rows.styles(frame);
  fill(
    element,
    wanted.compare ? h("p", { class: "wb-notice" }, "Choose the run to compare with. ", h("a", { href: "/runs" }, "Cancel")) : null,
    sweep,
    bar,
    unfinished,
    h("div", { class: "wb-rows-tools" }, columns.element, views.element, order.choice, inMlflow.element),
    bulk.element,
    messages,
    deleted,
    frame,
    pages,
  );
  inMlflow.set(wanted.experiment);
  load();
  if (wanted.column.length) ask("GET /api/columns", onlyFilters(wanted)).then(({ columns: known }) => order.learn(known), () => null);
  const timer = setInterval(() => document.visibilityState === "visible" && load(), EVERY_MS);
  return () => {
    state.ended = true;
    clearInterval(timer);
    live.end();
  };
}
