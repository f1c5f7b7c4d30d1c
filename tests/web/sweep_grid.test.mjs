import assert from "node:assert/strict";
import { test } from "node:test";
import { NONE, arranged, metricsIn, scaleOf, settled } from "../../workbench/web/sweep_grid.js";

function sweep(sizes, spec = {}) {
  const axes = sizes.map(([name, count]) => ({ name, labels: Array.from({ length: count }, (_, at) => `${name}${at}`) }));
  const ats = sizes.reduce((list, [, count]) => list.flatMap((at) => Array.from({ length: count }, (_, next) => [...at, next])), [[]]);
  return { axes, spec: { method: "grid", axes: axes.map(() => ({})), ...spec }, table: ats.map((at, index) => ({ index, at, metrics: {} })) };
}

test("the first two axes are rows and columns, one alone is columns", () => {
  assert.deepEqual(settled(sweep([["a", 3], ["b", 4]]), {}), { rows: "a", columns: "b", only: {} });
  assert.deepEqual(settled(sweep([["a", 3]]), {}), { rows: "", columns: "a", only: {} });
  assert.deepEqual(settled(sweep([["a", 1], ["b", 4], ["c", 2]]), {}), { rows: "b", columns: "c", only: {} });
});

test("a long axis goes down, and a paired one is no axis of the wall", () => {
  assert.deepEqual(settled(sweep([["a", 3], ["b", 40]]), {}), { rows: "b", columns: "a", only: {} });
  assert.deepEqual(settled(sweep([["a", 3], ["b", 3], ["c", 2]], { axes: [{}, { with: "a" }, {}] }), {}).columns, "c");
});

test("few cells at a crossing are shown, of many the first, unless the reader wants all", () => {
  const many = sweep([["a", 3], ["b", 3], ["c", 9]]);
  assert.deepEqual(settled(sweep([["a", 3], ["b", 3], ["c", 3]]), {}).only, {});
  assert.deepEqual(settled(many, {}).only, { c: "c0" });
  assert.deepEqual(settled(many, { only: { c: "*" } }).only, {});
  assert.deepEqual(settled(many, { only: { c: "c4" } }).only, { c: "c4" });
  assert.deepEqual(settled(many, { rows: "c", only: { c: "c4" } }), { rows: "c", columns: "b", only: {} });
});

test("sampled cells flow without rows until the reader chooses some", () => {
  const sampled = sweep([["a", 30], ["b", 30]], { method: "random" });
  assert.deepEqual(settled(sampled, {}), { rows: "", columns: "", only: {} });
  assert.deepEqual(settled(sampled, { columns: "b" }).columns, "b");
  assert.equal(settled(sweep([["a", 2], ["b", 2]]), { rows: NONE }).rows, "");
});

test("each cell stands at its crossing, and the rest tells them apart", () => {
  const three = sweep([["a", 2], ["b", 2], ["c", 2]]);
  const plan = arranged(three, { rows: "a", columns: "b", only: {} });
  assert.deepEqual(plan.at(1, 0).map((cell) => cell.at), [[1, 0, 0], [1, 0, 1]]);
  assert.equal(plan.caption(three.table[1]), "c c1");
  assert.equal(plan.rowLabel(1), "a1");
  const filtered = arranged(three, { rows: "a", columns: "b", only: { c: "c1" } });
  assert.equal(filtered.shown.length, 4);
  assert.equal(filtered.caption(three.table[1]), "");
});

test("cells without a choice of an axis have a row of their own", () => {
  const grown = sweep([["a", 2]]);
  grown.table.push({ index: 2, at: [null], metrics: {} });
  const plan = arranged(grown, { rows: "a", columns: "", only: {} });
  assert.deepEqual(plan.down, [0, 1, -1]);
  assert.equal(plan.rowLabel(-1), "–");
  assert.equal(plan.at(-1, -1).length, 1);
});

test("a metric is scaled towards its better end", () => {
  const cells = [1, 2, 5].map((value, index) => ({ index, at: [], metrics: { "n.m": value, ...(index ? { "n.k": 1 } : {}) } }));
  assert.deepEqual(metricsIn(cells), ["n.m", "n.k"]);
  const lower = scaleOf(cells, "n.m", "lower");
  assert.deepEqual([1, 2, 5].map(lower.share), [1, 0.75, 0]);
  assert.deepEqual([1, 5].map(lower.best), [true, false]);
  assert.deepEqual([1, 5].map(scaleOf(cells, "n.m", "neither").best), [false, false]);
});
