// @ts-check
// A modal dialog for actions that cannot be undone. Escape closes it, and the focus returns to its previous element.

import { button, h } from "./dom.js";

let count = 0;

/** Open a dialog: {body, actions, title, close}, for the caller to fill. Calls `closed()` after any kind of close. */
export function openDialog(words, { closed = () => {} } = {}) {
  const id = `wb-dialog-${++count}`;
  const title = h("h2", { id, tabindex: "-1" }, words);
  const body = h("div", { class: "wb-dialog-body" });
  const actions = h("div", { class: "wb-actions" });
  const element = h("dialog", { class: "wb-dialog", "aria-labelledby": id }, title, body, actions);
  element.addEventListener("close", () => {
    element.remove();
    closed();
  });
  // Inside Gradio's container, because only there our stylesheet has priority over Gradio's own.
  (document.querySelector(".gradio-container .contain") ?? document.body).append(element);
  element.showModal();
  title.focus();
  return { title, body, actions, close: () => element.close(), get open() { return element.open; } };
}

/** An inline question: {element, messages}. Escape has the same effect as "Keep it": both call `never`. */
export function question(words, content, choices, never) {
  const messages = h("div", { "aria-live": "polite" });
  const title = h("h3", { tabindex: "-1" }, words);
  const keep = button("Keep it", { kind: "quiet", onclick: never });
  const escape = (event) => {
    if (event.key !== "Escape") return;
    event.stopPropagation();
    never();
  };
  const element = h("div", { class: "wb-question", role: "group", "aria-label": words, onkeydown: escape }, title, content, h("div", { class: "wb-actions" }, choices, keep), messages);
  return { element, messages, focus: () => title.focus() };
}
