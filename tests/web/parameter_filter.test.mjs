import assert from "node:assert/strict";
import { test } from "node:test";

import { missingIn } from "../../workbench/web/parameter_filter.js";

test("a half-typed condition says what it lacks", () => {
  assert.equal(missingIn("animate."), "the name of a parameter after “animate.”");
  assert.equal(missingIn("metric.psnr >"), "a number after “>”");
  for (const text of ["sway>=", "sway < -", "sway>=1e", "sway > ."]) assert.match(missingIn(text), /^a number after/);
  for (const text of ["style=", "style !="]) assert.match(missingIn(text), /^a value after/);
  assert.equal(missingIn("style!"), "“=” after “!”");
});

test("a finished condition lacks nothing, right or wrong", () => {
  for (const text of ["", "sway", "animate.sway", "sway>=0.5", "sway<1.", "style=calm", "style!=calm", "sway>calm", ">=5", "a b", "sway>>5"]) assert.equal(missingIn(text), "", text);
});
