// @ts-check
// The approval of a job: shows the text, which the user can edit before approving it.

import { ask } from "./api.js";
import { button, fill, h, sentence } from "./dom.js";
import { attempt } from "./messages.js";

/**
 * Draws the question {sentence, text, maxChars} of a waiting node: {element, unsent}. `unsent()` returns the user's edited
 * text that was not sent, or "".
 */
export function approval(jobId, { node, question }) {
  const proposed = question.text ?? "";
  const text = h("textarea", { class: "wb-textarea", rows: Math.min(14, 3 + Math.ceil(proposed.length / 70)), maxlength: question.maxChars, "aria-label": "The script" });
  text.value = proposed;
  const messages = h("div", { "aria-live": "polite" });
  let sent = false;
  const changed = h("span", { class: "wb-muted" });
  text.addEventListener("input", () => (changed.textContent = text.value === proposed ? "" : "edited"));

  const answer = (body, pressed) =>
    attempt(pressed, messages, async () => {
      await ask("POST /api/jobs/{job_id}/approve", { job_id: jobId, node, ...body });
      sent = true;
      fill(messages, h("p", { class: "wb-muted" }, body.reject ? "Rejected." : "Approved. The job continues."));
    });
  const element = h(
    "div",
    { class: "wb-approval", role: "group", "aria-label": "Approve the script" },
    h("h3", {}, sentence(question.sentence || "Approve this text?")),
    h("p", { class: "wb-muted" }, "The job waits for you and occupies no worker. Edit the text if necessary."),
    text,
    h(
      "div",
      { class: "wb-actions" },
      button("Approve and render", { icon: "check", kind: "primary", onclick: (event) => answer(text.value === proposed ? {} : { text: text.value }, event.currentTarget) }),
      button("Reject", { icon: "close", kind: "quiet", onclick: (event) => answer({ reject: "rejected on the page" }, event.currentTarget) }),
      changed,
    ),
    messages,
  );
  return { element, unsent: () => (sent || text.value === proposed ? "" : text.value) };
}
