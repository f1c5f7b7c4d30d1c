// @ts-check
// A helper job beside the form (a draft, a transcript): shows its progress in a line, and sets its text as the value when it
// is done. If the text would replace another one, the user decides first.
// In: {jobId, node, output, present, field}. Out: {text} or {error}, with a change event.

import { badge, button, fill, h, problem } from "./dom.js";
import { follow, isFinal, nodesOf } from "./job.js";
import { blockersNote, blockersOf } from "./blockers.js";

export function mount(element, { props, trigger, watch }) {
  /** @type {(() => void) | null} */
  let stop = null;
  const show = () => {
    const value = props.value;
    if (value?.error) return fill(element, problem(value.error, { compact: true }));
    if (!value?.jobId) return value?.text ? null : fill(element);
    stop?.();
    stop = follow(value.jobId, (job) => {
      const node = nodesOf(job).find((one) => one.status === "running");
      const words = node?.total && node.total > 1 ? `${Math.round(node.done ?? 0)} of ${Math.round(node.total)} ${node.unit ?? ""}` : isFinal(job.status) ? "" : job.waiting;
      fill(element, h("p", { class: "wb-task" }, badge(job.status), h("span", { class: "wb-muted" }, words)), blockersNote(blockersOf(job, value.unserved)));
      if (job.problem?.status === 404) return end({ error: job.problem }); // other problems are temporary
      if (!isFinal(job.status) || !job.record || !isFinal(job.record.status)) return null;
      const made = job.record.nodes.find((one) => one.id === value.node)?.output?.[value.output];
      if (job.status === "completed" && typeof made === "string") offer(made, value);
      else end({ error: job.error ?? { message: "the job was cancelled", details: {} } });
      return null;
    });
    return null;
  };
  function offer(text, value) {
    stop?.();
    stop = null;
    // Compare with the current text. A hidden field has not changed since the button was pressed.
    const present = (/** @type {HTMLTextAreaElement | null} */ (document.querySelector(`#${value.field} textarea`))?.value ?? value.present ?? "").trim();
    if (!present || present === text.trim()) return end({ text });
    fill(
      element,
      h("p", { class: "wb-muted", role: "status" }, "The draft is ready. Your text remains until you use the draft."),
      h("pre", { class: "wb-text" }, text),
      h("div", { class: "wb-actions" }, button("Use this draft", { icon: "check", onclick: () => end({ text }) }), button("Keep mine", { kind: "quiet", onclick: () => fill(element) })),
    );
    return null;
  }
  function end(result) {
    stop?.();
    stop = null;
    if (result.text !== undefined) fill(element);
    else fill(element, problem(result.error, { compact: true }));
    props.value = result;
    trigger("change");
  }
  watch("value", show);
  show();
}
