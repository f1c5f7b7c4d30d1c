// @ts-check
// The page Sweeps: the list, the form of a new or extended sweep, and the wall of one sweep. The address holds the state.

import { query } from "./channel.js";
import { button, fill, h, linkButton, problem } from "./dom.js";
import { sweepForm } from "./sweep_form.js";
import { sweepList } from "./sweep_list.js";
import { startingSpec } from "./sweep_start.js";
import { sweepView } from "./sweep_view.js";
import { upload } from "./http.js";
import { setTitle } from "./title.js";

const ONLY = "only."; // the filter of an axis

/** The reader's choices in an address. @param {URLSearchParams} address @returns {import("./sweep_view.js").View} */
export function viewOf(address) {
  const only = [...address].filter(([name]) => name.startsWith(ONLY)).map(([name, label]) => [name.slice(ONLY.length), label]);
  const selected = (address.get("selected") ?? "").split(",").filter(Boolean).map(Number);
  return { rows: address.get("rows") ?? "", columns: address.get("columns") ?? "", metric: address.get("metric") ?? "", play: address.get("play") === "1", only: Object.fromEntries(only), selected };
}

/** The address of a sweep with these choices. @param {string} sweep @param {import("./sweep_view.js").View} view */
export function addressOf(sweep, { rows, columns, metric, play, only = {}, selected = [] }) {
  return `/sweeps${query({ sweep, rows, columns, metric, ...Object.fromEntries(Object.entries(only).map(([name, label]) => [ONLY + name, label])), play: play ? 1 : "", selected: selected.join() })}`;
}

export function mount(element, { props, watch }) {
  /** @type {(() => void) | null} */
  let end = null;
  /** @type {{sweep: string, show: (view: any) => void} | null} */
  let open = null;

  const show = () => {
    const address = new URLSearchParams(window.location.search);
    const sweep = address.get("sweep");
    if (open && sweep === open.sweep) return open.show(viewOf(address)); // its videos play on
    end?.();
    open = null;
    if (sweep) end = showSweep(sweep, address);
    else if (["new", "from", "extend"].some((name) => address.has(name))) end = showForm(address);
    else end = sweepList(element);
    setTitle(`${sweep ? "Sweep" : address.get("extend") ? "Extend a sweep" : address.size ? "New sweep" : "Sweeps"} · Workbench`);
    return undefined;
  };
  const go = (/** @type {string} */ path) => {
    window.history.pushState(null, "", path);
    show();
    window.scrollTo(0, 0);
    const target = element.querySelector("h2") ?? element.firstElementChild;
    target?.setAttribute("tabindex", "-1");
    /** @type {HTMLElement | null} */ (target)?.focus({ preventScroll: true });
  };
  window.addEventListener("popstate", show);
  element.addEventListener("click", (event) => {
    const link = event.target.closest("a[href^='/sweeps']");
    if (!link || event.metaKey || event.ctrlKey || event.shiftKey || event.button) return;
    event.preventDefault();
    go(link.getAttribute("href"));
  });
  show();

  function showSweep(/** @type {string} */ sweep, /** @type {URLSearchParams} */ address) {
    const inner = h("div", {});
    fill(element, linkButton("← All sweeps", "/sweeps", { kind: "quiet" }), inner);
    const shown = sweepView(inner, {
      sweep,
      view: viewOf(address),
      changed: (view) => {
        const now = addressOf(sweep, view);
        if (now !== window.location.pathname + window.location.search) window.history.pushState(null, "", now);
      },
      gone: () => go("/sweeps"),
    });
    open = { sweep, show: shown.show };
    return shown.end;
  }

  function showForm(/** @type {URLSearchParams} */ address) {
    const inner = h("div", {}, h("p", { class: "wb-muted" }, "…"));
    fill(element, linkButton("← All sweeps", "/sweeps", { kind: "quiet" }), inner);
    let ended = false;
    /** @type {(() => void) | null} */
    let stop = null;
    let begun = "";
    const begin = async () => {
      const key = JSON.stringify(props.value ?? {});
      if (ended || key === begun || stop) return;
      begun = key;
      try {
        const start = await startingSpec({ from: address.get("from"), extend: address.get("extend"), draftKey: props.value?.draftKey ?? "" });
        if (ended || stop) return;
        stop = sweepForm(inner, { ...start, consentText: props.value?.consentText ?? "", draftKey: props.value?.draftKey ?? "", upload, launched: (sweep) => go(`/sweeps?sweep=${sweep.id}`) });
      } catch (error) {
        begun = "";
        if (!ended) fill(inner, problem(error), button("Try again", { onclick: begin }));
      }
    };
    // Whose draft it is comes a moment after the page; a page without it must not wait.
    if (props.value?.draftKey || address.get("from") || address.get("extend")) begin();
    else setTimeout(begin, 1500);
    watch("value", begin);
    return () => {
      ended = true;
      stop?.();
    };
  }
}
