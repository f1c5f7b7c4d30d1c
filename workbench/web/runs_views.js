// @ts-check
// Saved views of the list of runs: filters, columns and order under a name.

import { ask } from "./api.js";
import { button, fill, h, icon, problem } from "./dom.js";
import { attempt } from "./messages.js";
import { popover } from "./popover.js";
import { asView, viewAddress } from "./runs_address.js";

/**
 * The popover with the user's views. Its links are addresses of the list.
 * @param {() => import("./runs_address.js").Wanted} wanted
 */
export function savedViews(wanted) {
  const pop = popover("Views", draw, { icon: "bookmark" });

  async function draw(/** @type {HTMLElement} */ panel) {
    const list = h("ul", { class: "wb-views" }, h("li", { class: "wb-muted" }, "…"));
    const messages = h("div", { "aria-live": "polite" });
    const name = h("input", { class: "wb-input", placeholder: "Name of this view", "aria-label": "Name of this view", maxLength: 100, required: true });
    const save = button("Save", { kind: "primary", onclick: keep });
    const form = h("form", { class: "wb-views-new", onsubmit: (event) => (event.preventDefault(), keep()) }, name, save);
    fill(panel, list, form, h("p", { class: "wb-field-help" }, "Keeps the filters, the columns and the order. Only you see it."), messages);
    const show = ({ views }) => {
      fill(list, views.length ? views.map(line) : h("li", { class: "wb-muted" }, "You have saved no view yet."));
      pop.place();
    };
    const line = (view) => {
      const href = viewAddress(view);
      const remove = button("", { icon: "close", kind: "quiet", "aria-label": `Delete the view ${view.name}`, onclick: () => attempt(remove, messages, async () => show(await ask("DELETE /api/views/{name}", { name: view.name }))) });
      return h("li", {}, h("a", { href, "aria-current": href === viewAddress(asView(wanted())) ? "true" : null, onclick: () => pop.close(false) }, icon("bookmark"), view.name), remove);
    };
    async function keep() {
      const given = name.value.trim();
      if (!given) return name.focus();
      return attempt(save, messages, async () => {
        await ask("PUT /api/views/{name}", { name: given, ...asView(wanted()) });
        name.value = "";
        save.disabled = false;
        fill(messages);
        show(await ask("GET /api/views"));
      });
    }
    try {
      show(await ask("GET /api/views"));
    } catch (error) {
      fill(list, h("li", {}, problem(error, { compact: true })));
    }
  }
  return pop;
}
