// @ts-check
// The page Runs: a live list with its filters in the address, the details of a run, and the comparison of several.

import { ask } from "./api.js";
import { query } from "./channel.js";
import { compare } from "./compare.js";
import { STATUS_WORDS, badge, button, empty, fill, h, icon, times, when } from "./dom.js";
import { isGone } from "./gone.js";
import { isFinal } from "./job.js";
import { liveRuns } from "./live_runs.js";
import { problemsIn } from "./messages.js";
import { missingIn } from "./parameter_filter.js";
import { run } from "./run.js";
import { experimentLink, selection } from "./selection.js";
import { setTitle } from "./title.js";

const PAGE = 30;
const FILTERS = ["text", "status", "pipeline", "experiment", "parameter", "since", "before"];
const TYPED = new Set(["text", "parameter"]);
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
  const wanted = { offset: Number(address.get("offset") ?? 0), compare: address.get("compare") ?? "", selected: address.get("selected") ?? "" };
  for (const name of FILTERS) wanted[name] = address.getAll(name).length > 1 ? address.getAll(name) : (address.get(name) ?? "");
  const rows = h("div", { class: "wb-rows", role: "list", "aria-label": "Runs" });
  const pages = h("nav", { class: "wb-pages", "aria-label": "Pages" });
  const messages = h("div", {});
  const deleted = h("div", { role: "status" });
  const unfinished = h("p", { class: "wb-muted wb-unfinished", role: "status", hidden: true });
  const show = problemsIn(messages);
  const range = h("span", { class: "wb-muted", role: "status" });
  const selected = selection(wanted.selected.split(",").filter(Boolean), (ids) => {
    wanted.selected = ids.join();
    note();
  });
  const inMlflow = experimentLink();
  const state = { ended: false, place: { offset: 0, total: 0, asked: "" }, titles: new Map(), lines: new Map(), shown: "", list: /** @type {Api.Schema<"JobSummary">[]} */ ([]) };
  let asked = 0;
  let finished = missingIn(String(wanted.parameter)) ? "" : wanted.parameter; // the last condition that is not half-typed

  /** Each choice is a step of Back; the letters typed into one field are one step. */
  let typedInto = "";
  const note = (/** @type {string} */ field = "") => {
    const now = `/runs${query({ ...wanted, offset: wanted.offset || "" })}`;
    const step = TYPED.has(field) && typedInto === field ? "replaceState" : "pushState";
    typedInto = field;
    moved(now);
    if (now !== window.location.pathname + window.location.search) window.history[step](null, "", now);
  };
  const turn = (step) => {
    wanted.offset = Math.max(0, state.place.offset + step);
    note();
    load();
  };
  const newer = button("Newer", { disabled: true, kind: "quiet", onclick: () => turn(-PAGE) });
  const older = button("Older", { disabled: true, kind: "quiet", onclick: () => turn(PAGE) });
  fill(pages, range, newer, older);
  const filtered = () => FILTERS.some((name) => wanted[name].length);

  async function load() {
    const lacks = missingIn(String(wanted.parameter));
    unfinished.hidden = !lacks;
    unfinished.textContent = lacks ? `The list keeps its last filter: type ${lacks}.` : "";
    if (!lacks) finished = wanted.parameter;
    const mine = ++asked;
    try {
      const answer = await ask("GET /api/jobs", { limit: PAGE, ...apiFilters({ ...wanted, parameter: finished }) });
      if (state.ended || mine !== asked) return;
      show(null);
      draw(answer);
    } catch (error) {
      if (!state.ended && mine === asked) show(error);
    }
  }

  function draw({ jobs, pagination }) {
    state.list = jobs;
    for (const { experiment } of jobs) offer(element.querySelector('select[name="experiment"]'), wanted.experiment, [experiment]);
    if (!jobs.length) {
      sayDeleted(new Set());
      state.shown = "";
      state.lines.clear();
      live.follow([]);
      fill(rows, filtered() ? empty("No matching runs", "Remove a filter.", button("All runs", { onclick: () => window.location.assign("/runs") })) : empty("No runs yet", "The first video takes two clicks.", h("a", { class: "wb-button primary", href: "/" }, "Make a video")));
    } else {
      const key = jobs.map((one) => one.jobId).join();
      if (key !== state.shown) {
        state.shown = key;
        arrange(jobs);
      }
      jobs.forEach(update);
      live.follow(jobs);
    }
    state.place = { ...pagination, asked: JSON.stringify(apiFilters(wanted)) };
    state.titles = new Map(jobs.map((one) => [one.jobId, one.title || one.pipeline || one.jobId]));
    const to = pagination.offset + jobs.length;
    const words = jobs.length ? `${pagination.offset + 1}–${to} of ${pagination.total}` : "";
    if (range.textContent !== words) range.textContent = words;
    newer.disabled = pagination.offset === 0;
    older.disabled = to >= pagination.total;
  }

  /** Move existing rows instead of recreating them, so that the focus remains. */
  function arrange(jobs) {
    const wantedIds = new Set(jobs.map((one) => one.jobId));
    sayDeleted(wantedIds);
    selected.keep(wantedIds);
    const there = new Map();
    for (const item of /** @type {HTMLElement[]} */ ([...rows.children])) {
      if (wantedIds.has(item.dataset.item)) there.set(item.dataset.item, item);
      else {
        state.lines.delete(item.dataset.item);
        item.remove();
      }
    }
    jobs.forEach((one, index) => {
      const item = there.get(one.jobId) ?? row(one);
      if (rows.children[index] !== item) rows.insertBefore(item, rows.children[index] ?? null);
    });
  }

  /** Say which rows are gone because their runs were deleted, and not because newer ones took their places. */
  async function sayDeleted(/** @type {Set<string>} */ ids) {
    const place = JSON.stringify(apiFilters(wanted));
    const left = state.place.asked === place ? [...state.titles].filter(([id]) => !ids.has(id)).slice(0, 3) : [];
    for (const [jobId, title] of left) {
      if (!(await isGone(jobId).catch(() => false)) || state.ended) continue;
      fill(deleted, h("p", { class: "wb-notice" }, `“${title}” was deleted.`));
    }
  }

  function row(one) {
    const parts = { thumb: h("span", { class: "wb-thumb" }, icon("play")), status: h("span", {}), words: h("span", { class: "wb-muted wb-row-words" }), bar: h("progress", { class: "wb-bar", max: 1, value: 0, "aria-label": "Progress" }) };
    const picking = wanted.compare;
    const href = picking ? (picking === one.jobId ? "/runs" : `/runs?compare=${picking},${one.jobId}`) : `/runs?job=${one.jobId}`;
    const link = h(
      "a",
      { class: "wb-row", href, "data-job": one.jobId },
      parts.thumb,
      h("span", { class: "wb-row-main" }, h("span", { class: "wb-row-title" }, one.title || one.pipeline || "A graph"), h("span", { class: "wb-muted" }, [one.pipeline, one.experiment, one.owner === "local" ? null : one.owner].filter(Boolean).join(" · "))),
      h("span", { class: "wb-row-state" }, parts.status, parts.words, parts.bar),
      h("span", { class: "wb-row-when wb-muted" }, when(one.created)),
    );
    state.lines.set(one.jobId, parts);
    return h("div", { role: "listitem", class: "wb-row-item", "data-item": one.jobId }, picking ? null : selected.box(one), link);
  }

  function update(one) {
    const parts = state.lines.get(one.jobId);
    if (!parts) return;
    if (parts.shown !== one.status) fill(parts.status, badge(one.status));
    parts.shown = one.status;
    if (one.thumbnail && parts.thumbnail !== one.thumbnail) {
      parts.thumbnail = one.thumbnail;
      fill(parts.thumb, h("img", { src: one.thumbnail, alt: "", loading: "lazy" }));
    }
    fill(parts.words, one.status === "failed" ? (one.error?.message ?? "") : isFinal(one.status) ? times(one) : one.waiting || `${Math.round((one.progress ?? 0) * 100)} %`);
    parts.bar.hidden = isFinal(one.status);
    parts.bar.value = one.progress ?? 0;
  }

  const live = liveRuns((jobId, now) => {
    const one = state.list.find((item) => item.jobId === jobId);
    if (!one) return;
    Object.assign(one, { status: now.status, progress: now.progress, waiting: now.waiting });
    update(one);
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
  fill(
    element,
    wanted.compare ? h("p", { class: "wb-notice" }, "Choose the run to compare with. ", h("a", { href: "/runs" }, "Cancel")) : null,
    bar,
    unfinished,
    inMlflow.element,
    selected.bar,
    messages,
    deleted,
    rows,
    pages,
  );
  inMlflow.set(wanted.experiment);
  load();
  const timer = setInterval(() => document.visibilityState === "visible" && load(), EVERY_MS);
  return () => {
    state.ended = true;
    clearInterval(timer);
    live.end();
  };
}

function apiFilters(wanted) {
  const day = (text, add) => (text ? new Date(`${text}T00:00:00`).getTime() / 1000 + add : "");
  return { ...wanted, compare: "", selected: "", since: day(wanted.since, 0), before: day(wanted.before, 86400) };
}

/** Add missing choices, such as the experiment of a new job. */
function offer(choice, chosen, list) {
  const known = new Set([...(choice?.options ?? [])].map((one) => one.value));
  for (const one of list) if (choice && one && !known.has(one)) choice.append(h("option", { value: one, selected: one === chosen }, one));
}

function filters(wanted, changed, settled) {
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;
  const set = (name) => (event) => {
    wanted[name] = event.currentTarget.value;
    changed(name);
    clearTimeout(timer);
    timer = setTimeout(settled, 250);
  };
  const input = (name, placeholder, label) => h("input", { class: "wb-input", value: wanted[name], placeholder, "aria-label": label, type: "search", oninput: set(name) });
  const select = (name, label, choices) =>
    h("select", { class: "wb-select", name, "aria-label": label, onchange: set(name) }, h("option", { value: "" }, label), choices.map(([value, word]) => h("option", { value, selected: wanted[name] === value }, word)));
  const pipelines = select("pipeline", "Any pipeline", []);
  const experiments = select("experiment", "Any experiment", []);
  ask("GET /api/pipelines").then(({ pipelines: list }) => offer(pipelines, wanted.pipeline, list.map((one) => one.name))).catch(() => null);
  ask("GET /api/experiments").then(({ experiments: list }) => offer(experiments, wanted.experiment, list)).catch(() => null);
  const date = (name, label) => h("label", { class: "wb-date" }, h("span", { class: "wb-muted" }, label), h("input", { class: "wb-input", type: "date", value: wanted[name], onchange: set(name) }));
  return h(
    "form",
    { class: "wb-filters", role: "search", onsubmit: (event) => event.preventDefault() },
    input("text", "Search texts, ids, experiments", "Search"),
    select("status", "Any status", ["queued", "running", "completed", "failed", "cancelled"].map((one) => [one, STATUS_WORDS[one]])),
    pipelines,
    experiments,
    input("parameter", "animate.sway>=0.5", "Parameter: name, name=value or name>=value"),
    date("since", "from"),
    date("before", "to"),
  );
}
