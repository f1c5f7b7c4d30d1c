// Draws a view in an output of a notebook: what it shows, what it knows without a kernel, and the theme.

import { artifact } from "./artifact.js";
import { fill, h, problem } from "./dom.js";
import { graph } from "./graph_view.js";
import { Kernel } from "./kernel.js";
import { monitor } from "./monitor.js";
import { table } from "./run_table.js";

const VIEWS = {
  monitor: (element, options) => monitor(element, options),
  graph: (element, options) => graph(element, options),
  artifact: (element, { ref, title }) => void fill(element, artifact(ref, { title })),
  table: (element, options, model) => table(element, options, model),
};
const LINGER_MS = 400;
const NEW_KERNEL = "talking-head-workbench:kernel";
let kernel = null;

const leaving = new Map(); // model -> {content, end, timer}: views that were just taken out of the document

/**
 * Show a view of `host`'s kernel; returns a function that ends it. JupyterLab takes a view out and asks for a new one when
 * something of its output changes: then the same one goes on, with what a person had opened or typed.
 */
export function show({ model, el, host }) {
  dress(el, host);
  const kept = leaving.get(model);
  if (kept) {
    clearTimeout(kept.timer);
    leaving.delete(model);
  }
  const view = kept ?? begin(model, host);
  el.append(view.content);
  return () => {
    undress(el);
    leaving.set(model, { ...view, timer: setTimeout(() => (leaving.delete(model), view.end()), LINGER_MS) });
  };
}

function begin(model, host) {
  kernel ??= new Kernel(host);
  kernel.remember(model.get("answers"));
  const frame = h("div", { class: "wb-notebook-view" });
  const said = h("p", { class: "wb-muted wb-notebook-said", role: "status", hidden: true });
  const content = h("div", {}, frame, said);
  let end = null;
  let elsewhere = null;

  const draw = () => {
    end?.();
    end = null;
    try {
      end = VIEWS[model.get("view")](frame, { ...model.get("options"), go: (jobId) => again({ jobId }) }, model) ?? null;
    } catch (error) {
      fill(frame, problem(error));
    }
  };
  /** The same view of another job, where a person asked to go on with it. */
  const again = (options) => {
    model.set("options", { ...model.get("options"), ...options });
    model.save_changes();
    draw();
  };
  const tell = () => {
    said.hidden = kernel.live !== false;
    said.textContent = said.hidden ? "" : "The kernel does not run: this is what was known last. Run the cell again to go on.";
  };
  let was = kernel.live;
  const changed = () => {
    tell();
    if (kernel.live && was === false) draw(); // it answers again: from its word on
    was = kernel.live;
    if (kernel.live) document.dispatchEvent(new CustomEvent(NEW_KERNEL, { detail: { bench: host.get("bench"), manager: host.widget_manager, begin, host } }));
  };
  /** A cell was run again after a restart: its kernel answers for the other cells' views as well. */
  const adopted = ({ detail }) => {
    if (detail.host === host || kernel.live || elsewhere || detail.bench !== host.get("bench") || detail.manager !== host.widget_manager) return;
    stop();
    elsewhere = detail.begin(model, detail.host);
    fill(content, elsewhere.content);
  };
  const stop = () => {
    kernel.removeEventListener("change", changed);
    model.off("change:answers", remember);
    end?.();
    end = null;
  };
  const remember = () => kernel.remember(model.get("answers"));

  kernel.addEventListener("change", changed);
  document.addEventListener(NEW_KERNEL, adopted);
  model.on("change:answers", remember);
  kernel.hello();
  draw();
  tell();
  const ended = () => {
    document.removeEventListener(NEW_KERNEL, adopted);
    stop();
    elsewhere?.end();
  };
  return { content, end: ended };
}

// -- looks ------------------------------------------------------------------------------------------------------------

const dressed = new Set();
const sheets = new WeakSet(); // roots that have the style

function dress(el, host) {
  el.classList.add("wb-notebook");
  dressed.add(el);
  follow();
  const root = el.getRootNode();
  if (!sheets.has(root)) {
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(host.get("style"));
    root.adoptedStyleSheets = [...root.adoptedStyleSheets, sheet];
    sheets.add(root);
  }
}

function undress(el) {
  dressed.delete(el);
}

const wished = window.matchMedia("(prefers-color-scheme: dark)");

/** JupyterLab says which theme it has; elsewhere the system does. */
function follow() {
  const theme = document.body.dataset.jpThemeLight;
  const dark = theme ? theme === "false" : wished.matches;
  for (const el of dressed) el.classList.toggle("dark", dark);
}

wished.addEventListener("change", follow);
new MutationObserver(follow).observe(document.body, { attributes: true, attributeFilter: ["data-jp-theme-light"] });
