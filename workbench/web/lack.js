// @ts-check
// What a job lacks before it can go on: a worker for a service, or a pool that was paused. With what to do about it.

import { pageUrl } from "./api.js";
import { h } from "./dom.js";
import { isFinal, nodesOf } from "./job.js";
import { pipelines } from "./pipelines.js";

/**
 * {services, pools, paused} or null. `unserved` is what the submit answered, "service version" and perhaps "(how what a
 * worker has differs)": it counts until the job's own word comes, a node of that service begins or somebody offers it.
 */
export function lack(job, unserved = []) {
  if (isFinal(job.status) || job.problem?.status === 404) return null;
  const services = new Map(); // by service, what is lacking of it
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
    if (!services.has(service)) services.set(service, one);
    if (entry) pools.add(entry.pool);
  }
  return services.size || job.paused ? { services: [...services.values()].sort(), pools: [...pools], paused: job.paused ?? "" } : null;
}

/** The note about it; null where nothing is lacking. */
export function lackNote(lacking) {
  if (!lacking) return null;
  const { services, pools, paused } = lacking;
  const start = pools.length ? pools.map((pool) => [" ", h("code", {}, `workbench worker --pool ${pool}`)]) : " `workbench worker`";
  return h(
    "div",
    { class: "wb-notice", "data-tone": "warn", role: "status" },
    services.length
      ? [
          h("p", {}, h("strong", {}, `No worker offers ${services.join(", ")} now.`), " The job keeps its place and goes on by itself as soon as one does."),
          h("p", { class: "wb-muted" }, "Start one:", start, ". ", h("a", { href: pageUrl("/system") }, "System"), " shows who is up."),
        ]
      : [h("p", {}, h("strong", {}, `The pool ${paused} is paused.`), " The job keeps its place and goes on when the pool does."), h("p", { class: "wb-muted" }, "Let it go on: ", h("code", {}, `workbench queue resume ${paused}`))],
  );
}
