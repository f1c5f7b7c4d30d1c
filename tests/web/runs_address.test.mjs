// The address of the list of runs: what is written is read again, and a view has the same content.

import assert from "node:assert/strict";
import { test } from "node:test";

import { apiFilters, asView, conditions, readAddress, selectedText, viewAddress, writeAddress } from "../../workbench/web/runs_address.js";

const read = (address) => readAddress(new URLSearchParams(address.split("?")[1] ?? ""));
const FULL = "/runs?offset=60&selected=a%2Cb&sort=-metric%3Ae.wer&column=metric%3Ae.wer&column=param%3Aa.sway&status=completed&parameter=a.sway%3E%3D1&metric=e.wer%3C%3D0.1&metric=fps%3E20&rating=3&sweep=s1";

test("an address that is read is written alike", () => {
  assert.equal(writeAddress(read(FULL)), FULL);
  assert.equal(writeAddress(read("/runs")), "/runs");
});

test("conditions on metrics stand between commas in the field and apart in a request", () => {
  const wanted = read(FULL);
  assert.equal(wanted.metric, "e.wer<=0.1, fps>20");
  assert.deepEqual(apiFilters(wanted).metric, ["e.wer<=0.1", "fps>20"]);
  assert.deepEqual(conditions(" , a<1,,"), ["a<1"]);
});

test("a view has filters, columns and order, but neither page nor selection", () => {
  const view = asView(read(FULL));
  assert.deepEqual(view.filters, { status: ["completed"], parameter: ["a.sway>=1"], metric: ["e.wer<=0.1", "fps>20"], rating: ["3"], sweep: ["s1"] });
  const again = asView(read(viewAddress(view)));
  assert.deepEqual(again, view);
  assert.equal(viewAddress(asView(read("/runs"))), "/runs");
});

test("an address does not grow with a selection of thousands", () => {
  assert.equal(selectedText(["a", "b"]), "a,b");
  assert.equal(selectedText(Array.from({ length: 10_000 }, (_, index) => String(index))), "");
});
