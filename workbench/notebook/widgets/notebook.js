// @ts-check
// Draws a view in an output of a notebook: what it shows, what it knows without a kernel, and the theme.

import { use } from "./api.js";
import { artifact } from "./artifact.js";
import { Comm } from "./comm.js";
import { fill, h, problem } from "./dom.js";
import { formView } from "./form_view.js";
import { graphView } from "./graph.js";
import { graph } from "./job_graph.js";
import { monitor } from "./monitor.js";
import { table } from "./run_table.js";

const VIEWS = {
  monitor: (element, options) => monitor(element, options),
  graph: (element, options) => graph(element, options),
  drawing: (element, { nodes, edges }) => void fill(element, h("div", { class: "wb-graph-frame" }, graphView(nodes, edges).element)),
  artifact: (element, { ref, title }) => void fill(element, artifact(ref, { title })),
  table: (element, options, model) => table(element, options, model),
  form: (element, options, model) => formView(element, options, model, comm),
};
const NEW_KERNEL = "talking-head-workbench:kernel";
const GONE = "The kernel does not run: this is what was known last. Run the cell again to go on.";
const BUSY = "The kernel is busy or gone: this is what was known last; it goes on when it answers.";
/** @type {Comm | null} */
let comm = null;

/** Show a view of `host`'s kernel; returns a function that ends it. */
export function show({ model, el, host }) {
  dress(el, host);
  const view = begin(traits(model), host);
  fill(el, view.content);
  return () => {
    undress(el);
    view.end();
  };
}

/** A model by its traits: what is set goes to the kernel, and `watch` answers with what ends the watching. */
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
  /** The same view of another job, where a person asked to go on with it. */
  const again = (options) => {
    model.set("options", { ...model.get("options"), ...options });
    draw();
  };
  const tell = () => {
    said.hidden = kernel.live !== false;
    frame.toggleAttribute("inert", kernel.gone && model.get("view") === "form"); // nothing hears it any more
    said.textContent = said.hidden ? "" : kernel.gone ? GONE : BUSY;
  };
  let was = kernel.live;
  const changed = () => {
    tell();
    if (kernel.live && was === false) draw(); // it answers again: from its word on
    was = kernel.live;
    if (kernel.live) document.dispatchEvent(new CustomEvent(NEW_KERNEL, { detail: { deployment: host.get("deployment"), manager: host.widget_manager, begin, host } }));
  };
  /** A cell was run again after a restart: its kernel answers for the other cells' views as well. */
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

// -- looks ------------------------------------------------------------------------------------------------------------

const dressed = new Set();
const SHEET = Symbol.for("talking-head-workbench:style"); // one a root, whichever kernel's it is

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

/** JupyterLab says which theme it has; elsewhere the system does. */
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
