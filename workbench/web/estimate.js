// @ts-check
// What the form's job would take, in a line. The value is {seconds, basis}: the number of past runs that say so.

import { fill, h, seconds } from "./dom.js";

export function mount(element, { props, watch }) {
  const line = h("p", { class: "wb-estimate" });
  fill(element, line);
  const draw = () => {
    const text = words(props.value ?? {});
    if (line.textContent !== text) line.textContent = text;
  };
  watch("value", draw);
  draw();
}

function words(told) {
  if (told.basis === undefined) return "";
  if (!told.basis || told.seconds === null) return "No past runs yet that would tell how long it takes.";
  return `About ${about(told.seconds)}, from ${told.basis === 1 ? "one past run" : `${told.basis} past runs`}.`;
}

/** An expectation is not known to a tenth. */
const about = (value) => (value < 10 ? `${Math.max(1, Math.round(value))} s` : value < 90 ? `${5 * Math.round(value / 5)} s` : seconds(value));
