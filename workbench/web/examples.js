// @ts-check
// Examples to click. The value is the index of the chosen one, with a select event.

import { fill, h } from "./dom.js";

export function mount(element, { props, trigger }) {
  fill(
    element,
    h(
      "div",
      { class: "wb-welcome" },
      h("p", { class: "wb-empty-title" }, "No job yet"),
      h("p", { class: "wb-muted" }, "Choose an example, or provide a portrait and a text. Then press Generate."),
      h(
        "div",
        { class: "wb-examples" },
        (props.examples ?? []).map((one, index) =>
          h(
            "button",
            {
              type: "button",
              class: "wb-card",
              "data-example": String(index),
              onclick: () => {
                props.value = index;
                trigger("select", { index });
              },
            },
            h("span", { class: "wb-card-title" }, one.title),
            h("span", { class: "wb-card-doc" }, one.doc),
          ),
        ),
      ),
    ),
  );
}
