import assert from "node:assert/strict";
import { test } from "node:test";

import { spokenIn, wordAt } from "../../workbench/web/spoken.js";

const WORDS = [{ text: "Clocks", start: 0.2, end: 0.6 }, { text: "tick.", start: 0.9, end: 1.3 }];

test("the word at a time is the last one that has started", () => {
  assert.deepEqual([0, 0.2, 0.7, 0.9, 99].map((at) => wordAt(WORDS, at)), [-1, 0, 0, 1, 1]);
  assert.equal(wordAt([], 1), -1);
});

test("times come from the node that spoke, and a text without times stands plain", () => {
  const timed = { output: { narration: "Clocks tick.", words: [{ text: "Clocks", start_s: 0.2, end_s: 0.6 }, { text: "tick.", start_s: 0.9, end_s: 1.3 }] } };
  assert.deepEqual(spokenIn([{ output: null }, timed]), { text: "Clocks tick.", words: WORDS });
  assert.deepEqual(spokenIn([{ output: { words: [1, 2] }, input: { narration: "Given." } }]), { text: "Given.", words: [] });
  assert.equal(spokenIn([{ output: { audio: {} } }]), null);
});
