// Folds sequences of events from standard input, [{record, events}], and prints what each comes to.

import { readFileSync } from "node:fs";

import { errorOf, fold, jobState, shownStatus, statusOf } from "../../workbench/web/fold.js";

const views = JSON.parse(readFileSync(0, "utf8")).map(({ record, events }) => {
  const state = events.reduce(fold, jobState(record));
  const nodes = [...state.nodes.values()];
  return {
    status: statusOf(state),
    error: errorOf(state),
    nodes: Object.fromEntries(nodes.map((node) => [node.id, node])),
    shown: Object.fromEntries(nodes.map((node) => [node.id, shownStatus(state, node)])),
  };
});
process.stdout.write(JSON.stringify(views));
