// @ts-check
// Draws a view in an output of a notebook, also from saved responses without a kernel, in the right theme.

import { use } from "./api.js";
import { artifact } from "./artifact.js";
import { Comm } from "./comm.js";
import { compared } from "./compared.js";
import { fill, h, problem } from "./dom.js";
import { formView } from "./form_view.js";
import { graphView } from "./graph.js";
import { graph } from "./job_graph.js";
import { monitor } from "./monitor.js";
import { table } from "./run_table.js";
import { sweepFormView, sweepTable } from "./sweep_views.js";

const VIEWS = {
  monitor: (element, options) => monitor(element, options),
  graph: (element, options) => graph(element, options),
  drawing: (element, { nodes, edges, streams }) => {
    const { element: drawing, legend } = graphView(nodes, edges, streams);
    fill(element, h("div", { class: "wb-graph-frame" }, drawing, legend));
  },
  artifact: (element, { ref, title }) => void fill(element, artifact(ref, { title })),
  compared: (element, options) => compared(element, options),
  table: (element, options, model) => table(element, options, model),
  sweep: (element, options, model) => sweepTable(element, options, model),
  sweepForm: (element, options, model) => sweepFormView(element, options, model, comm),
  form: (element, options, model) => formView(element, options, model, comm),
};
const NEW_KERNEL = "talking-head-workbench:kernel";
const GONE = "The kernel does not run: this is the last known state. Run the cell again to continue.";
const BUSY = "The kernel does not respond: this is the last known state. The view continues when the kernel responds.";
/** @type {Comm | null} */
let comm = null;

/** Display a view of `host`'s kernel. Returns a function that removes it. */
export function show({ model, el, host }) {
  dress(el, host);
  const view = begin(traits(model), host);
  fill(el, view.content);
  return () => {
    undress(el);
    view.end();
  };
}

/** Access to a model's traits: `set` sends the value to the kernel, and `watch` returns a function that stops watching. */
function traits(model) {
  return {
    get: (name) => model.get(name),
    set: (name, value) => {
      model.set(name, value);
      model.save_changes();
    },
    send: (message) => model.send(message),
    watch: (name, listener) => {
      model.on(`change:${name}`, listener);
      return () => model.off(`change:${name}`, listener);
    },
  };
}

function begin(model, host) {
  const kernel = (comm ??= new Comm(host));
  use(kernel);
  kernel.remember(model.get("answers"));
  const frame = h("div", { class: "wb-notebook-view" });
  const said = h("p", { class: "wb-muted wb-notebook-said", role: "status", hidden: true });
  const content = h("div", {}, frame, said);
  /** @type {(() => void) | null} */
  let end = null;
  /** @type {{content: Element, end: () => void} | null} */
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
  /** The same view for another job, when the user continues with that job. */
  const again = (options) => {
    model.set("options", { ...model.get("options"), ...options });
    draw();
  };
  const tell = () => {
    said.hidden = kernel.live !== false;
    frame.toggleAttribute("inert", kernel.gone && ["form", "sweepForm"].includes(model.get("view"))); // no kernel receives its changes any more
    said.textContent = said.hidden ? "" : kernel.gone ? GONE : BUSY;
  };
  let was = kernel.live;
  const changed = () => {
    tell();
    if (kernel.live && was === false) draw(); // it responds again: redraw with current data
    was = kernel.live;
    if (kernel.live) document.dispatchEvent(new CustomEvent(NEW_KERNEL, { detail: { deployment: host.get("deployment"), manager: host.widget_manager, begin, host } }));
  };
  /** A cell was run again after a restart: its kernel also serves the views of the other cells. */
  const adopted = (/** @type {any} */ { detail }) => {
    if (detail.host === host || kernel.live || elsewhere || detail.deployment !== host.get("deployment") || detail.manager !== host.widget_manager) return;
    stop();
    const there = detail.begin(model, detail.host);
    elsewhere = there;
    fill(content, there.content);
  };
  const stop = () => {
    kernel.removeEventListener("change", changed);
    forget();
    end?.();
    end = null;
    leave();
  };

  kernel.addEventListener("change", changed);
  document.addEventListener(NEW_KERNEL, adopted);
  const forget = model.watch("answers", () => kernel.remember(model.get("answers")));
  const leave = kernel.enter();
  kernel.hello();
  draw();
  tell();
  const ended = () => {
    document.removeEventListener(NEW_KERNEL, adopted);
    if (elsewhere) elsewhere.end();
    else stop();
  };
  return { content, end: ended };
}

// -- theme ------------------------------------------------------------------------------------------------------------

const dressed = new Set();
const SHEET = Symbol.for("talking-head-workbench:style"); // one per root, for all kernels

function dress(el, host) {
  el.classList.add("wb-notebook");
  if (!dressed.size) watchTheme();
  dressed.add(el);
  follow();
  const root = el.getRootNode() instanceof ShadowRoot ? el.getRootNode() : document;
  if (!root[SHEET]) {
    root[SHEET] = new CSSStyleSheet();
    root.adoptedStyleSheets = [...root.adoptedStyleSheets, root[SHEET]];
  }
  if (root[SHEET].text !== host.get("style")) root[SHEET].replaceSync((root[SHEET].text = host.get("style")));
}

function undress(el) {
  dressed.delete(el);
  if (!dressed.size) restTheme();
}

const wished = window.matchMedia("(prefers-color-scheme: dark)");
const themes = new MutationObserver(follow);

/** JupyterLab exposes its theme; elsewhere, the system's theme is used. */
function follow() {
  const theme = document.body.dataset.jpThemeLight;
  const dark = theme ? theme === "false" : wished.matches;
  for (const el of dressed) el.classList.toggle("dark", dark);
}

function watchTheme() {
  wished.addEventListener("change", follow);
  themes.observe(document.body, { attributes: true, attributeFilter: ["data-jp-theme-light"] });
}

function restTheme() {
  wished.removeEventListener("change", follow);
  themes.disconnect();
}
