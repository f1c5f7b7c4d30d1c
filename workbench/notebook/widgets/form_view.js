// @ts-check
// A form in an output: its values are traits of the model, and the job that it submits is displayed below.

import { fill, h } from "./dom.js";
import { form } from "./form.js";
import { monitor } from "./monitor.js";

/** Options: {pipeline}. Returns a function that removes it. */
export function formView(element, { pipeline }, model, channel) {
  const fields = h("div", {});
  const shown = h("div", { class: "wb-form-job" });
  fill(element, fields, shown);
  let written = JSON.stringify(model.get("values"));
  /** @type {(() => void) | null} */
  let end = null;

  const redraw = form(fields, {
    pipeline,
    read: () => model.get("values"),
    write: (values) => {
      written = JSON.stringify(values);
      model.set("values", values);
    },
    upload: (file, kind, told) => channel.upload(file, kind, told),
    submitted: ({ jobId, unserved }) => {
      model.set("unserved", unserved);
      model.set("job_id", jobId);
    },
  });
  const showJob = () => {
    end?.();
    const jobId = model.get("job_id");
    end = jobId ? monitor(shown, { jobId, unserved: model.get("unserved"), go: (other) => model.set("job_id", other) }) : null;
  };
  const forget = [model.watch("values", () => JSON.stringify(model.get("values")) !== written && redraw()), model.watch("job_id", showJob)];
  showJob();
  return () => {
    for (const one of forget) one();
    end?.();
    element.replaceChildren();
  };
}
