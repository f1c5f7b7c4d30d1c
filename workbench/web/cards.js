// @ts-check
// The pipelines as cards, with the reason if one is unavailable. A radio group; its value is the name. `count` is the number of
// places to keep until they are known.

import { fill, find, h, problem, seconds } from "./dom.js";
import { pipelines } from "./pipelines.js";

export function mount(element, { props, trigger, watch, count }) {
  const group = h("div", { class: "wb-cards", role: "radiogroup", "aria-label": "Pipeline", onkeydown: keys });
  fill(element, group);

  let first = ""; // the pipeline before the first choice, which the address does not name

  function choose(name, focus = false) {
    if (!name || name === pipelines.chosen) return;
    first ||= pipelines.chosen;
    pipelines.choose(name);
    props.value = name;
    trigger("change");
    remember(name);
    draw();
    if (focus) find(group, '[aria-checked="true"]')?.focus();
  }

  /** Keep the choice in the address, so that a reload selects the same card. */
  function remember(name) {
    const address = new URL(window.location.href);
    if (address.searchParams.get("pipeline") === name) return;
    address.searchParams.set("pipeline", name);
    window.history.pushState(null, "", address);
  }

  /** Back and Forward choose the pipeline of the address. */
  window.addEventListener("popstate", () => {
    const name = new URLSearchParams(window.location.search).get("pipeline") ?? first;
    if (name && pipelines.list.some((one) => one.name === name)) choose(name);
  });

  function keys(event) {
    const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    if (!step || !pipelines.list.length) return;
    event.preventDefault();
    const at = pipelines.list.findIndex((one) => one.name === pipelines.chosen);
    choose(pipelines.list[(at + step + pipelines.list.length) % pipelines.list.length].name, true);
  }

  function draw() {
    if (!pipelines.list.length) {
      fill(group, pipelines.error ? problem(pipelines.error, { compact: true }) : Array.from({ length: count }, () => h("div", { class: "wb-card wb-card-loading", "aria-hidden": "true" })));
      return;
    }
    const focus = group.contains(document.activeElement) ? /** @type {HTMLElement} */ (document.activeElement).dataset.pipeline : null;
    fill(group, pipelines.list.map(card));
    if (focus) (find(group, `[data-pipeline="${CSS.escape(focus)}"]`) ?? find(group, '[aria-checked="true"]'))?.focus();
  }

  function card(one) {
    const chosen = one.name === pipelines.chosen;
    return h(
      "button",
      {
        type: "button",
        class: "wb-card",
        role: "radio",
        "aria-checked": String(chosen),
        tabindex: chosen ? "0" : "-1",
        "data-pipeline": one.name,
        "data-offered": String(one.offered),
        onclick: () => choose(one.name),
      },
      h("span", { class: "wb-card-head" }, h("span", { class: "wb-card-title" }, one.title), h("span", { class: "wb-card-state" }, one.offered ? (one.typicalSeconds ? `about ${seconds(one.typicalSeconds)}` : "ready") : "no worker")),
      h("span", { class: "wb-card-doc" }, one.doc),
      one.offered ? null : h("span", { class: "wb-card-reason", title: one.reason }, one.reason),
    );
  }

  const taken = () => {
    const name = props.value;
    if (typeof name === "string" && name && name !== pipelines.chosen) pipelines.choose(name);
    draw();
  };
  watch("value", taken);
  pipelines.addEventListener("change", draw);
  pipelines.addEventListener("choose", draw);
  pipelines.start();
  taken();
}
