// @ts-check
// The expected duration of the form's job, in a line. The value is
// {seconds, basis, lengthS, longestS}; `basis` is the number of past runs, the others are lengths of speech in seconds.

import { fill, h, seconds } from "./dom.js";

const FAR = 2; // how much longer a job is than all past ones before that is worth saying

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

function words(estimate) {
  if (estimate.basis === undefined) return "";
  if (!estimate.basis || estimate.seconds === null) return "There are no past runs yet for an estimate.";
  const length = estimate.lengthS ? ` for about ${about(estimate.lengthS)} of speech` : "";
  const runs = estimate.basis === 1 ? "one past run" : `${estimate.basis} past runs`;
  const shorter = estimate.lengthS > FAR * estimate.longestS && estimate.longestS ? ` of ${about(estimate.longestS)} at most` : "";
  return `About ${about(estimate.seconds)}${length}, from ${runs}${shorter}.`;
}

/** A rounded duration, because an estimate is not exact to a tenth of a second. */
const about = (value) => (value < 10 ? `${Math.max(1, Math.round(value))} s` : value < 90 ? `${5 * Math.round(value / 5)} s` : seconds(value));
