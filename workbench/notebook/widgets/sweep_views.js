// @ts-check
// A sweep in an output of a notebook: its wall, and the form that starts one.

import { fill, h } from "./dom.js";
import { sweepForm } from "./sweep_form.js";
import { sweepView } from "./sweep_view.js";

/** The wall of a sweep; the reader's choices are a trait of the model. Returns a function that removes it. */
export function sweepTable(element, { sweep }, model) {
  const shown = sweepView(element, { sweep, view: model.get("shown"), changed: (view) => model.set("shown", view) });
  return shown.end;
}

/** The form, and below it the wall of the sweep that it started. Returns a function that removes both. */
export function sweepFormView(element, _, model, channel) {
  const form = h("div", {});
  const below = h("div", { class: "wb-form-job" });
  fill(element, form, below);
  /** @type {(() => void) | null} */
  let end = null;
  const stopForm = sweepForm(form, {
    spec: model.get("spec"),
    upload: (file, kind, told) => channel.upload(file, kind, told),
    changed: (spec) => model.set("spec", spec),
    launched: (sweep) => model.set("sweep_id", sweep.id),
  });
  const showSweep = () => {
    end?.();
    const sweep = model.get("sweep_id");
    end = sweep ? sweepView(below, { sweep }).end : null;
  };
  const forget = model.watch("sweep_id", showSweep);
  showSweep();
  return () => {
    forget();
    stopForm();
    end?.();
    element.replaceChildren();
  };
}
