// @ts-check
// The list of sweeps, newest first, live.

import { ask } from "./api.js";
import { button, empty, fill, h, linkButton, when } from "./dom.js";
import { problemsIn } from "./messages.js";
import { countBar, countWords, stateBadge } from "./sweep_view.js";

const PAGE = 30;
const EVERY_MS = 4000;

/** Returns a function that removes it. @param {HTMLElement} element */
export function sweepList(element) {
  let ended = false;
  let offset = 0;
  /** @type {Map<string, {item: HTMLElement, key: string}>} */
  const rows = new Map();
  const list = h("div", { class: "wb-rows", role: "list", "aria-label": "Sweeps" });
  const messages = h("div", {});
  const range = h("span", { class: "wb-muted", role: "status" });
  const turn = (/** @type {number} */ step) => {
    offset = Math.max(0, offset + step);
    load();
  };
  const newer = button("Newer", { disabled: true, kind: "quiet", onclick: () => turn(-PAGE) });
  const older = button("Older", { disabled: true, kind: "quiet", onclick: () => turn(PAGE) });
  const pages = h("nav", { class: "wb-pages", "aria-label": "Pages", hidden: true }, range, newer, older);
  const show = problemsIn(messages);
  const head = h("div", { class: "wb-sweeps-head" }, h("p", { class: "wb-muted" }, "The same pipeline over several values, side by side. Each distinct step is computed once."), linkButton("New sweep", "/sweeps?new=1", { kind: "primary" }));
  fill(element, head, messages, list, pages);

  async function load() {
    try {
      const { sweeps, total } = await ask("GET /api/sweeps", { limit: PAGE, offset });
      if (ended) return;
      show(null);
      draw(sweeps, total);
    } catch (error) {
      if (!ended) show(error);
    }
  }

  function draw(/** @type {any[]} */ sweeps, /** @type {number} */ total) {
    head.toggleAttribute("data-empty", !sweeps.length);
    if (!sweeps.length) {
      rows.clear();
      fill(list, empty("No sweeps yet", "Choose a pipeline and what varies: voices, settings, seeds, portraits. The cells appear on one wall.", linkButton("New sweep", "/sweeps?new=1", { kind: "primary" })));
    } else {
      for (const [id, { item }] of rows) {
        if (sweeps.some((one) => one.id === id)) continue;
        item.remove();
        rows.delete(id);
      }
      list.querySelector(".wb-empty")?.remove();
      sweeps.forEach((one, at) => {
        const { item } = row(one);
        if (list.children[at] !== item) list.insertBefore(item, list.children[at] ?? null);
      });
    }
    pages.hidden = total <= PAGE;
    range.textContent = sweeps.length ? `${offset + 1}–${offset + sweeps.length} of ${total}` : "";
    newer.disabled = offset === 0;
    older.disabled = offset + sweeps.length >= total;
  }

  /** The row of a sweep, which keeps its element and with it the focus. */
  function row(/** @type {any} */ one) {
    const kept = rows.get(one.id) ?? { item: h("div", { role: "listitem", class: "wb-row-item" }, h("a", { class: "wb-row wb-sweep-row", href: `/sweeps?sweep=${one.id}`, "data-sweep": one.id })), key: "" };
    rows.set(one.id, kept);
    const key = JSON.stringify([one.state, one.byStatus, one.name]);
    if (key === kept.key) return kept;
    kept.key = key;
    fill(
      /** @type {Element} */ (kept.item.firstElementChild),
      h("span", { class: "wb-row-main" }, h("span", { class: "wb-row-title" }, one.name), h("span", { class: "wb-muted" }, [one.pipeline, one.experiment === one.name ? "" : one.experiment, one.owner === "local" ? "" : one.owner].filter(Boolean).join(" · "))),
      h("span", { class: "wb-sweep-row-counts" }, countBar(one.byStatus, one.cells), h("span", { class: "wb-muted" }, countWords(one.byStatus, one.cells))),
      stateBadge(one.state),
      h("span", { class: "wb-row-when wb-muted" }, when(one.created)),
    );
    return kept;
  }

  load();
  const timer = setInterval(() => document.visibilityState === "visible" && load(), EVERY_MS);
  return () => {
    ended = true;
    clearInterval(timer);
  };
}
