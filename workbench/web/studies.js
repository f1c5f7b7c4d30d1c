// @ts-check
// The page Studies: all studies of blind votes, a new one from chosen runs, and the ranking of one.

import { ask } from "./api.js";
import { badge, button, empty, fill, h, linkButton, problem, when } from "./dom.js";
import { attempt, poll } from "./messages.js";
import { study } from "./study.js";
import { setTitle } from "./title.js";

const EVERY_MS = 10_000;
const AXES = "lip sync, naturalness, likeness, overall";

/** @param {HTMLElement} element */
export function mount(element) {
  const address = new URLSearchParams(window.location.search);
  const shown = address.get("study");
  const items = (address.get("items") ?? "").split(",").filter(Boolean);
  const sweep = address.get("sweep") ?? "";
  if (shown) return study(element, shown);
  if (items.length || sweep) return creation(element, items, sweep);
  return list(element);
}

/** @param {HTMLElement} element */
function list(element) {
  setTitle("Studies · Workbench");
  const rows = h("div", { class: "wb-rows", role: "list", "aria-label": "Studies" });
  fill(element, rows);
  return poll(rows, EVERY_MS, async () => {
    try {
      const { studies } = await ask("GET /api/studies", { limit: 100 });
      if (studies.length) fill(rows, studies.map(line));
      else fill(rows, empty("No studies yet", "Select two or more runs, then choose “Blind vote”.", h("a", { class: "wb-button primary", href: "/runs" }, "Choose runs")));
    } catch (error) {
      fill(rows, problem(error));
    }
  });
}

/** @param {Api.Schema<"StudyLine">} one */
function line(one) {
  const counts = `${one.items} videos · ${one.pairs} pairs by ${one.raters} ${one.raters === 1 ? "rater" : "raters"}`;
  return h(
    "div",
    { role: "listitem", class: "wb-row-item" },
    h(
      "a",
      { class: "wb-row wb-study-row", href: `/studies?study=${one.id}`, "data-study": one.id },
      h("span", {}),
      h("span", { class: "wb-row-main" }, h("span", { class: "wb-row-title" }, one.name), h("span", { class: "wb-muted" }, [counts, one.owner === "local" ? null : one.owner].filter(Boolean).join(" · "))),
      h("span", { class: "wb-row-state" }, one.state === "open" ? badge("running", "Open") : badge("completed", "Closed")),
      h("span", { class: "wb-row-when wb-muted" }, when(one.created)),
    ),
  );
}

/**
 * @param {HTMLElement} element
 * @param {string[]} items
 * @param {string} sweep
 */
function creation(element, items, sweep) {
  setTitle("New study · Workbench");
  const messages = h("div", {});
  const field = (/** @type {string} */ label, /** @type {object} */ options, wide = false) => {
    const input = h("input", { class: "wb-input", ...options });
    return { input, label: h("label", { class: wide ? "wb-wide" : "" }, label, input) };
  };
  const name = field("Name (raters never see it)", { value: sweep ? `Sweep ${sweep}` : `${items.length} runs`, required: true, maxlength: 100 }, true);
  const axes = field("Axes, one row each", { value: AXES }, true);
  const pairs = field("Pairs for each rater", { type: "number", min: 1, max: 1000, value: "30" });
  const repeats = field("Repeated pairs, in %", { type: "number", min: 0, max: 50, value: "10" });
  const question = field("What raters read first", { placeholder: "Watch both videos, then say for each row which one is better.", maxlength: 500 }, true);
  const make = button("Create the study", { kind: "primary", onclick: () => attempt(make, messages, create) });

  async function create() {
    const settings = {
      axes: axes.input.value.split(",").map((one) => one.trim()).filter(Boolean),
      question: question.input.value,
      pairs: Number(pairs.input.value),
      repeats: Number(repeats.input.value) / 100,
    };
    const made = await ask("POST /api/studies", { name: name.input.value.trim(), jobs: items, sweep: sweep || null, settings });
    window.location.assign(`/studies?study=${made.id}`);
  }
  fill(
    element,
    linkButton("← All studies", "/studies", { kind: "quiet" }),
    h(
      "section",
      { class: "wb-study" },
      h("h2", {}, "New study of blind votes"),
      h("p", { class: "wb-muted" }, sweep ? `All completed jobs of sweep ${sweep} are compared by their videos.` : `${items.length} runs are compared by their videos.`, " Raters see two at a time, on random sides, without any name."),
      h("div", { class: "wb-study-card" }, h("form", { class: "wb-study-form", onsubmit: (/** @type {Event} */ event) => (event.preventDefault(), make.click()) }, name.label, axes.label, pairs.label, repeats.label, question.label, make), messages),
    ),
  );
  return () => null;
}
