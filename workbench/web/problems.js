// @ts-check
// Shows the problems of the form beside their fields. The value is a list of {field, error}; a field is the elem_id of a
// Gradio component, or empty for the whole form.

import { fill, h, problem } from "./dom.js";

export function mount(element, { props, watch }) {
  const draw = () => {
    for (const old of document.querySelectorAll(".wb-beside")) old.remove();
    for (const old of document.querySelectorAll("[data-wb-invalid]")) {
      old.removeAttribute("aria-invalid");
      old.removeAttribute("data-wb-invalid");
    }
    const list = props.value ?? [];
    fill(element, list.filter((one) => !document.getElementById(one.field)).map((one) => problem(one.error)));
    /** @type {HTMLElement | null} */
    let first = null;
    for (const [index, one] of list.entries()) {
      const field = document.getElementById(one.field);
      if (!field) continue;
      const id = `wb-beside-${index}`;
      const messages = h("div", { class: "wb-beside", id }, problem(one.error, { compact: true }));
      field.after(messages);
      const input = /** @type {HTMLElement | null} */ (field.querySelector("textarea, input, select"));
      input?.setAttribute("aria-invalid", "true");
      input?.setAttribute("data-wb-invalid", "");
      input?.setAttribute("aria-describedby", id);
      first ??= input ?? messages;
    }
    if (first) {
      first.scrollIntoView({ block: "center", behavior: window.matchMedia("(prefers-reduced-motion: reduce)").matches ? "auto" : "smooth" });
      first.focus?.({ preventScroll: true });
    }
  };
  watch("value", draw);
  draw();
}
