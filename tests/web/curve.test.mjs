import assert from "node:assert";
import { test } from "node:test";

import { smoothed } from "../../workbench/web/curve.js";

const noise = (step) => ((((Math.sin(step * 12.9898) * 43758.5453) % 1) + 1) % 1) * 0.8 - 0.4; // the same in every run
const points = (count, value) => [...Array(count).keys()].map((step) => [step, value(step), 0]);

test("a metric that swings gets a line that shows where it goes", () => {
  const loss = points(400, (step) => 1 - step / 500 + noise(step));
  const smooth = smoothed(loss);
  assert.deepEqual(smooth.map(([step]) => step), loss.map(([step]) => step));
  const off = smooth.reduce((sum, [step, value]) => sum + Math.abs(value - (1 - step / 500)), 0) / smooth.length;
  assert.ok(off < 0.06, `${off} on average, of swings of 0.2 on average`);
});

test("one that does not swing, or is short, stays as it is", () => {
  assert.equal(smoothed(points(400, (step) => 1 / (1 + step))), null);
  assert.equal(smoothed(points(20, noise)), null);
});
