// @ts-check
// The filters of the list of runs.

import { ask } from "./api.js";
import { STATUS_WORDS, h } from "./dom.js";

const WAIT_MS = 250;

/** Add missing choices, such as the experiment of a new job. */
export function offer(choice, chosen, list) {
  const known = new Set([...(choice?.options ?? [])].map((one) => one.value));
  for (const one of list) if (choice && one && !known.has(one)) choice.append(h("option", { value: one, selected: one === chosen }, one));
}

/**
 * @param {import("./runs_address.js").Wanted} wanted
 * @param {(name: string) => void} changed  Called at once.
 * @param {() => void} settled  Called when nothing was typed for a moment.
 */
export function filters(wanted, changed, settled) {
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;
  const set = (name) => (event) => {
    wanted[name] = event.currentTarget.type === "checkbox" ? (event.currentTarget.checked ? "true" : "") : event.currentTarget.value;
    changed(name);
    clearTimeout(timer);
    timer = setTimeout(settled, WAIT_MS);
  };
  const input = (name, placeholder, label) => h("input", { class: "wb-input", value: wanted[name], placeholder, "aria-label": label, type: "search", oninput: set(name) });
  const select = (name, label, choices) =>
    h("select", { class: "wb-select", name, "aria-label": label, onchange: set(name) }, h("option", { value: "" }, label), choices.map(([value, word]) => h("option", { value, selected: wanted[name] === value }, word)));
  const pipelines = select("pipeline", "Any pipeline", []);
  const experiments = select("experiment", "Any experiment", []);
  const tags = select("tag", "Any tag", wanted.tag ? [[wanted.tag, wanted.tag]] : []);
  ask("GET /api/pipelines").then(({ pipelines: list }) => offer(pipelines, wanted.pipeline, list.map((one) => one.name))).catch(() => null);
  ask("GET /api/experiments").then(({ experiments: list }) => offer(experiments, wanted.experiment, list)).catch(() => null);
  const date = (name, label) => h("label", { class: "wb-date" }, h("span", { class: "wb-muted" }, label), h("input", { class: "wb-input", type: "date", value: wanted[name], onchange: set(name) }));
  for (const early of ["pointerenter", "focus"]) tags.addEventListener(early, tagsOnce);
  let tagsAsked = false;
  function tagsOnce() {
    if (tagsAsked) return;
    tagsAsked = true;
    // The columns of no run, but all tags.
    ask("GET /api/columns", { job: "none" }).then((answer) => offer(tags, wanted.tag, answer.tags), () => (tagsAsked = false));
  }
  return h(
    "form",
    { class: "wb-filters", role: "search", onsubmit: (event) => event.preventDefault() },
    input("text", "Search texts, ids, experiments", "Search"),
    select("status", "Any status", ["queued", "running", "completed", "failed", "cancelled"].map((one) => [one, STATUS_WORDS[one]])),
    pipelines,
    experiments,
    input("parameter", "animate.sway>=0.5", "Parameter: name, name=value or name>=value"),
    input("metric", "evaluate.wer<=0.1", "Metric: name or name<=number, several with commas"),
    tags,
    select("rating", "Any rating", [5, 4, 3, 2, 1].map((one) => [String(one), one === 5 ? "Rated 5" : `Rated ${one} or more`])),
    h("label", { class: "wb-check wb-filter-star" }, h("input", { type: "checkbox", checked: wanted.starred === "true", onchange: set("starred") }), "Starred"),
    date("since", "from"),
    date("before", "to"),
  );
}
