import assert from "node:assert/strict";
import { test } from "node:test";

import { layout } from "../../workbench/web/graph.js";

const [WIDTH, HEIGHT] = [156, 46];
const edges = [["script", "speech"], ["face", "animate"], ["speech", "animate"], ["speech", "sync"], ["animate", "sync"], ["animate", "upscale"]].map(([from, to]) => ({ from, to }));
const ids = ["script", "face", "speech", "animate", "sync", "upscale", "alone"];

test("no node lies on another, all lie within, and edges lead to the right", () => {
  const { nodes, width, height } = layout(ids, edges);
  const places = [...nodes.values()];
  assert.deepEqual([...nodes.keys()].sort(), [...ids].sort());
  for (const [index, a] of places.entries()) {
    for (const b of places.slice(index + 1)) assert.ok(Math.abs(a.x - b.x) >= WIDTH || Math.abs(a.y - b.y) >= HEIGHT);
    assert.ok(a.x >= 0 && a.y >= 0 && a.x <= width - WIDTH && a.y <= height - HEIGHT);
  }
  for (const { from, to } of edges) assert.ok(nodes.get(from).x < nodes.get(to).x, `${from} -> ${to}`);
});

test("a cycle and an edge to a node that is not there hang nothing", () => {
  assert.equal(layout(["a", "b"], [{ from: "a", to: "b" }, { from: "b", to: "a" }, { from: "a", to: "z" }]).nodes.size, 2);
});
