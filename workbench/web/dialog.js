// @ts-check
// A dialog for what is not undone. The page behind it rests meanwhile; Escape closes it, and the focus goes back to where
// it was.

import { button, h } from "./dom.js";

let count = 0;

/** Open one: {body, actions, title, close}, to be filled. `closed()` is called once it is gone, however it was closed. */
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
  // Inside Gradio's frame: only there the stylesheet goes before Gradio's own.
  (document.querySelector(".gradio-container .contain") ?? document.body).append(element);
  element.showModal();
  title.focus();
  return { title, body, actions, close: () => element.close(), get open() { return element.open; } };
}

/** A question in the place where it came up: {element, said}. Escape answers as `never` does, which is told. */
export function question(words, content, choices, never) {
  const said = h("div", { "aria-live": "polite" });
  const title = h("h3", { tabindex: "-1" }, words);
  const keep = button("Keep it", { kind: "quiet", onclick: never });
  const escape = (event) => {
    if (event.key !== "Escape") return;
    event.stopPropagation();
    never();
  };
  const element = h("div", { class: "wb-question", role: "group", "aria-label": words, onkeydown: escape }, title, content, h("div", { class: "wb-actions" }, choices, keep), said);
  return { element, said, focus: () => title.focus() };
}
