import assert from "node:assert/strict";
import { test } from "node:test";
import { axisOf, emptySpec, lengthOf, numbersIn, trimmed, yamlOf } from "../../workbench/web/sweep_spec.js";

const SPEC = {
  ...emptySpec("talking_head"),
  name: "voices: all",
  options: { script: "Yes.\nTwo lines", seed: 0 },
  params: { animate: { fps: 25, name: "" } },
  axes: [
    { param: "animate.sway", values: [0, 0.5], name: "", with: "", choices: null },
    { param: "animate.nod", range: { from: 0, to: 1, steps: 3, scale: "linear", integer: false } },
    { seeds: [7, 21] },
    { name: "step", choices: [{ label: "with" }, { label: "without", leaveOut: ["upscale"], options: {} }] },
  ],
  samples: null,
  atOnce: 8,
};

test("the text of a spec has only what a person set", () => {
  assert.equal(
    yamlOf(SPEC),
    `name: "voices: all"
pipeline: talking_head
options:
  script: "Yes.\\nTwo lines"
  seed: 0
params:
  animate:
    fps: 25
    name: ""
axes:
  - param: animate.sway
    values: [0, 0.5]
  - param: animate.nod
    range: {from: 0, to: 1, steps: 3}
  - seeds: [7, 21]
  - name: step
    choices:
      - label: with
      - label: without
        leaveOut: [upscale]
`,
  );
});

test("words that YAML reads as something else are quoted", () => {
  assert.equal(yamlOf({ pipeline: "p", options: { a: "no", b: "1", c: "x: y", d: "plain words", e: "-" }, axes: [{ seeds: 1 }] }).split("\n").slice(2, 7).join("|"), '  a: "no"|  b: "1"|  c: "x: y"|  d: plain words|  e: "-"');
});

test("values that a person set to nothing stay", () => {
  assert.deepEqual(trimmed({ pipeline: "p", options: { text: "" }, params: { a: { label: "", list: [] } }, constraints: [], leaveOut: [] }), { pipeline: "p", options: { text: "" }, params: { a: { label: "", list: [] } } });
});

test("numbers are read from a list, and a word is named", () => {
  assert.deepEqual(numbersIn(" 0, 0.5;1\n-2e3 "), [0, 0.5, 1, -2000]);
  assert.throws(() => numbersIn("1, two"), /“two” is not a number/);
});

test("the length of an axis is known, except of a sampled range", () => {
  assert.deepEqual(SPEC.axes.map((axis) => lengthOf(axis)), [2, 3, 2, 2]);
  assert.equal(lengthOf({ seeds: 5 }), 5);
  assert.equal(lengthOf(SPEC.axes[1], "random"), null);
});

test("a problem finds its axis", () => {
  assert.equal(axisOf(SPEC, "axes.2.seeds"), 2);
  assert.equal(axisOf(SPEC, "cell animate.sway=5: node animate: params.sway"), 0);
  assert.equal(axisOf(SPEC, "constraints"), -1);
});
