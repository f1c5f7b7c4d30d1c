import assert from "node:assert/strict";
import { test } from "node:test";

import { errorOf, failedBefore, fold, jobState, shownStatus, statusOf } from "../../workbench/web/fold.js";

const RECORD = { status: "advertised", nodes: [{ id: "a" }, { id: "b" }], lastGraph: { edges: [{ from: "a", to: "b" }] } };
const event = (seq, type, node = "", data = {}, epoch = 1) => ({ job: "j", epoch, seq, type, node, data, at: 10 + seq });

test("a state is never changed, and what changes nothing answers the same state", () => {
  const before = jobState(RECORD);
  const running = fold(before, event(1, "node.running", "a", { worker: "w" }));
  assert.equal(before.nodes.get("a").status, "pending");
  assert.equal(running.nodes.get("a").status, "running");
  assert.equal(fold(running, event(1, "node.running", "a")), running);
});

test("an event of a later epoch counts, whatever its number", () => {
  let state = fold(jobState(RECORD), event(9, "node.running", "a"));
  state = fold(state, event(2, "node.completed", "a", { output: {} }));
  assert.equal(state.nodes.get("a").status, "running");
  assert.equal(fold(state, event(2, "node.completed", "a", { output: {} }, 2)).nodes.get("a").status, "completed");
});

test("a node is next when all before it are final, until the job ends", () => {
  const done = fold(jobState(RECORD), event(1, "node.completed", "a", { output: {} }));
  assert.equal(shownStatus(done, done.nodes.get("b")), "ready");
  const ended = fold(done, event(2, "job.cancelled"));
  assert.equal(ended.nodes.get("b").status, "cancelled");
  assert.equal(statusOf(ended), "cancelled");
});

test("a failed job tells the failure that nothing handled, however late its node is heard of", () => {
  const ended = fold(jobState(RECORD), event(3, "job.failed", "a"));
  assert.equal(errorOf(ended), null);
  assert.equal(errorOf(fold(ended, event(2, "node.failed", "a", { error: { code: "x", message: "broke" } }))).message, "broke");
});

test("a skipped node names the failed nodes before it, also through other skipped nodes", () => {
  const edges = [{ from: "a", to: "b" }, { from: "b", to: "c" }, { from: "d", to: "c" }];
  let state = jobState({ ...RECORD, nodes: "abcd".split("").map((id) => ({ id })), lastGraph: { edges } });
  state = fold(state, event(1, "node.failed", "a"));
  for (const [seq, id] of [[2, "b"], [3, "c"]]) state = fold(state, event(seq, "node.skipped", id));
  state = fold(state, event(4, "node.completed", "d", { output: {} }));
  assert.deepEqual(failedBefore(state, "c"), ["a"]);
  assert.deepEqual(failedBefore(state, "d"), []);
});
