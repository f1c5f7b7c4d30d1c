// @ts-check
// Examples to click. The value is the number of the chosen one, with a select event.

import { fill, h } from "./dom.js";

export function mount(element, { props, trigger }) {
  fill(
    element,
    h(
      "div",
      { class: "wb-welcome" },
      h("p", { class: "wb-empty-title" }, "Nothing runs yet"),
      h("p", { class: "wb-muted" }, "Take an example, or give a portrait and what it should say. Then press Generate."),
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
