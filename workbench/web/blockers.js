// @ts-check
// What blocks a job: a service without a worker or a paused pool, with the remedy.

import { pageUrl } from "./api.js";
import { h } from "./dom.js";
import { isFinal, nodesOf } from "./job.js";
import { pipelines } from "./pipelines.js";

/**
 * {services, pools, paused} or null. `unserved` comes from the submit: "service version", optionally with the difference in
 * brackets. An entry counts until the job reports its own waits, a node of the service starts, or a worker provides it.
 */
export function blockersOf(job, unserved = []) {
  if (isFinal(job.status) || job.problem?.status === 404) return null;
  const services = new Map(); // service -> the entry to show
  const pools = new Set();
  const nodes = nodesOf(job);
  for (const node of nodes) {
    if (node.wait?.reason !== "no_worker") continue;
    for (const one of node.wait.services ?? []) services.set(one.split(" ")[0], one);
    if (node.wait.pool) pools.add(node.wait.pool.replace(/^data\./, ""));
  }
  const known = pipelines.list.flatMap((one) => one.nodes);
  for (const one of unserved) {
    const [service] = one.split(" ");
    const own = nodes.filter((node) => node.service === service);
    const begun = own.length && own.every((node) => !["pending", "ready", "waiting", undefined].includes(node.status));
    const entry = known.find((node) => node.service === service);
    if (begun || entry?.offered) continue;
    if (!services.get(service)?.includes("(")) services.set(service, one); // the submit may know why no worker has it
    if (entry) pools.add(entry.pool);
  }
  return services.size || job.paused ? { services: [...services.values()].sort(), pools: [...pools], paused: job.paused ?? "" } : null;
}

/** The note about blockers; null if there are none. */
export function blockersNote(blockers) {
  if (!blockers) return null;
  const { services, pools, paused } = blockers;
  const start = pools.length ? pools.map((pool) => [" ", h("code", {}, `workbench worker --pool ${pool}`)]) : " `workbench worker`";
  return h(
    "div",
    { class: "wb-notice", "data-tone": "warn", role: "status" },
    services.length
      ? [
          h("p", {}, h("strong", {}, `Queued: no worker provides ${services.join(", ")}.`), " The job keeps its place and continues when a worker does."),
          h("p", { class: "wb-muted" }, "Start a worker:", start, ". ", h("a", { href: pageUrl("/system") }, "System"), " shows all workers."),
        ]
      : [h("p", {}, h("strong", {}, `The pool ${paused} is paused.`), " The job keeps its place and continues when the pool is resumed."), h("p", { class: "wb-muted" }, "Resume it: ", h("code", {}, `workbench queue resume ${paused}`))],
  );
}
