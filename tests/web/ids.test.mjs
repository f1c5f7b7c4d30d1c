import assert from "node:assert/strict";
import { test } from "node:test";

import { shortIds } from "../../workbench/web/ids.js";

test("ids are cut where they still differ, after the time at the earliest", () => {
  const [one, other, later] = ["20261130-130350-5082a4", "20261130-130350-5099b1", "20261130-130351-aaaaaa"];
  assert.equal(shortIds([one, later]), 15);
  assert.deepEqual([one, other].map((id) => id.slice(0, shortIds([one, other, later]))), ["20261130-130350-508", "20261130-130350-509"]);
  assert.equal(shortIds([one, one]), 15);
  assert.equal(shortIds([]), 15);
});
