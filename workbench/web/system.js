// @ts-check
// The page System for operators: parts with remedies, control plane, workers, queues, leases, waiting nodes, dead letters,
// services and storage.

import { ask } from "./api.js";
import { badge, empty, fill, h, seconds, when } from "./dom.js";
import { shortId, shortIds } from "./ids.js";
import { poll, problemsIn } from "./messages.js";
import { storage } from "./storage.js";

const EVERY_MS = 2500;
const REMEDIES = {
  down: "Start it with `workbench up`, or run `workbench doctor`.",
  failing: "Read its log in logs/ of the home, and run `workbench doctor`.",
  starting: "It is starting.",
};

export function mount(element) {
  const body = h("div", { class: "wb-system" });
  const messages = h("div", {});
  const stored = h("section", {});
  fill(element, messages, h("div", { class: "wb-system" }, body, stored));
  storage(stored);
  const show = problemsIn(messages);
  return poll(element, EVERY_MS, () => ask("GET /api/system").then((system) => draw(body, system)).then(() => show(null), show));
}

function draw(body, system) {
  const open = new Set([...body.querySelectorAll("details[open]")].map((one) => one.dataset.key));
  const active = body.contains(document.activeElement) ? document.activeElement : null;
  const focus = active && keyOf(active);
  fill(
    body,
    section("Parts", h("div", { class: "wb-tiles" }, system.parts.map(part))),
    section("Control plane", system.queue ? control(system.queue, system.parts.find((one) => one.name === "control")) : unreachable("The bus or SQL does not respond, so the state of queues and workers is unknown.")),
    system.queue ? section("Workers", system.workers.length ? h("div", { class: "wb-tiles" }, system.workers.map((one) => worker(one, open))) : empty("No worker is running", h("p", {}, "Jobs wait for a worker. Start one: ", h("code", {}, "workbench worker --pool cpu")))) : null,
    system.queue ? section("Queues", system.queue.pools.length ? queues(system.queue) : h("p", { class: "wb-muted" }, "There are no worker pools yet.")) : null,
    system.queue ? section("Running", system.queue.leases.length ? leases(system.queue.leases) : h("p", { class: "wb-muted" }, "No nodes are running.")) : null,
    system.queue?.waiting?.length ? section("Waiting", waiting(system.queue.waiting)) : null,
    system.queue?.deadLetters?.length ? section("Dead letters", letters(system.queue.deadLetters)) : null,
    system.capabilities ? section("Capabilities", capabilities(system.capabilities, open)) : null,
  );
  if (focus) [...body.querySelectorAll("a, summary")].find((one) => keyOf(one) === focus)?.focus({ preventScroll: true });
}

/** Identifies a focusable element across redraws by its section or by its link. */
const keyOf = (element) => element.closest("details")?.dataset.key ?? `${element.getAttribute("href")} ${element.textContent}`;

const section = (title, ...content) => h("section", {}, h("h2", {}, title), content);

const tile = (title, marks, ...content) => h("div", { class: "wb-tile" }, h("div", { class: "wb-tile-head" }, h("strong", {}, title), marks), content);

const row = (head, ...cells) => h("tr", {}, h("th", { scope: "row" }, head), cells.map((one) => h("td", {}, one)));

function part(one) {
  return tile(
    one.name,
    badge(one.state, one.state),
    one.url ? h("code", { class: "wb-muted" }, one.url) : null,
    one.message ? h("p", {}, one.message) : null,
    REMEDIES[one.state] ? h("p", { class: "wb-muted" }, REMEDIES[one.state]) : null,
    one.restarts ? h("p", { class: "wb-muted" }, `restarted ${one.restarts} ${one.restarts === 1 ? "time" : "times"}${one.lastExit ? `, last after ${one.lastExit}` : ""}`) : null,
  );
}

const unreachable = (what) => h("p", { class: "wb-notice", "data-tone": "warn" }, what, " The tile of the part above shows a remedy.");

/** The phases of a deployment. It passes through them after the bus has lost its memory. */
const PHASES = {
  open: ["up", "Jobs are accepted, taken and committed."],
  grace: ["starting", "The bus lost its memory. Running workers report their leases, and work continues in a moment."],
  recall: ["starting", "The bus lost its memory. The control plane restores the jobs from SQL."],
  unfamiliar: ["starting", "No control plane has opened this bus yet. Start one with `workbench up`, because nothing runs without it."],
};
const LATE_S = 30;

function control(queue, process) {
  const [state, words] = PHASES[queue.phase] ?? ["starting", ""];
  const late = (queue.outboxOldestS ?? 0) > LATE_S;
  return h(
    "div",
    { class: "wb-tiles" },
    tile("Reconciler", badge(state, queue.phase), h("p", {}, words), h("p", { class: "wb-muted" }, `Epoch ${queue.epoch}. It increases when the bus loses its memory.`)),
    tile(
      "Recorder",
      badge(late ? "failing" : "up", late ? "behind" : queue.outbox ? "writing" : "up to date"),
      h("p", {}, queue.outbox ? `${queue.outbox.toLocaleString("en-GB")} ${queue.outbox === 1 ? "event waits" : "events wait"} to be recorded, the oldest for ${seconds(queue.outboxOldestS)}.` : "Every event is recorded."),
      late ? h("p", { class: "wb-muted" }, process && process.state !== "up" && process.state !== "off" ? "The control plane does not run. It records them when it runs again." : "Nothing is lost. `workbench doctor` checks whether SQL is writable.") : null,
    ),
    tile(
      "Reaper",
      badge("up", `${queue.leases.length} ${queue.leases.length === 1 ? "lease" : "leases"}`),
      h("p", {}, queue.leases.length ? `The oldest lease is ${seconds(Math.max(...queue.leases.map((one) => one.sinceS ?? 0)))} old.` : "There are no leases."),
      h("p", { class: "wb-muted" }, "A lease without a heartbeat expires and is taken over."),
    ),
  );
}

function leases(list) {
  const length = shortIds(list.map((one) => one.job));
  const rows = list.map((one) =>
    row(h("a", { href: `/runs?job=${one.job}${one.nodes[0] ? `&node=${one.nodes[0]}` : ""}` }, shortId(one.job, length)), one.nodes.join(", ") || `segment ${one.segment}`, one.worker, one.sinceS === null ? "just started" : seconds(one.sinceS), one.beats.toLocaleString("en-GB")),
  );
  return table(["job", "node", "worker", "for", "heartbeats"], rows);
}

/** Services by plane and pool. Services without a worker come first, with the reason. */
function capabilities(summary, open) {
  const { entries } = summary;
  const missing = entries.filter((one) => !one.workers.length);
  const key = "capabilities";
  const entry = (one) =>
    row(
      [one.title, " ", h("code", { class: "wb-muted" }, one.service)],
      one.category,
      one.version,
      one.plane,
      one.pool,
      one.workers.length ? one.workers.join(", ") : [h("span", { class: "wb-chip", "data-tone": "warn" }, "no worker"), " ", h("span", { class: "wb-muted" }, one.missing)],
    );
  return [
    h("p", { class: "wb-muted" }, `${summary.offered} of ${summary.services} services are available now.`),
    missing.length ? table(COLUMNS, missing.map(entry)) : null,
    h("details", { "data-key": key, open: open.has(key) }, h("summary", {}, `The ${entries.length - missing.length} available services`), table(COLUMNS, entries.filter((one) => one.workers.length).map(entry))),
  ];
}

const COLUMNS = ["service", "category", "version", "plane", "pool", "workers"];

const table = (columns, rows) => h("div", { class: "wb-table-frame", tabindex: "0", role: "region", "aria-label": `Table of ${columns[0]}s` }, h("table", { class: "wb-table" }, h("thead", {}, h("tr", {}, columns.map((one) => h("th", { scope: "col" }, one)))), h("tbody", {}, rows)));

function worker({ manifest, state, running }, open) {
  const services = manifest.services.filter((one) => one.available);
  const missing = manifest.services.filter((one) => !one.available);
  const key = `worker ${manifest.worker}`;
  return tile(
    manifest.pool,
    [h("span", { class: "wb-chip" }, manifest.plane), badge(state === "busy" ? "running" : "ready", state)],
    h("code", { class: "wb-muted" }, manifest.worker),
    h("p", { class: "wb-muted" }, [`${manifest.cpus} cores`, `${manifest.memoryUsedGib} of ${manifest.memoryGib} GiB`, manifest.host].filter(Boolean).join(" · ")),
    manifest.gpus.map((gpu) => h("p", { class: "wb-muted" }, `${gpu.name} · ${gpu.memoryUsedGib} of ${gpu.memoryGib} GiB`)),
    manifest.models.length ? h("p", {}, h("span", { class: "wb-muted" }, "loaded: "), manifest.models.map((model) => h("span", { class: "wb-chip" }, model))) : null,
    running.length ? h("ul", { class: "wb-events" }, running.map((one) => h("li", {}, h("a", { href: `/runs?job=${one.split("/")[0]}` }, one)))) : null,
    h(
      "details",
      { "data-key": key, open: open.has(key) },
      h("summary", {}, `${services.length} services`),
      h("ul", { class: "wb-events" }, services.map((one) => h("li", {}, `${one.service} ${one.version}`)), missing.map((one) => h("li", { class: "wb-muted" }, `${one.service}: ${one.missing}`))),
    ),
  );
}

function queues(queue) {
  const pools = queue.pools.map((pool) => {
    const total = Object.values(pool.depths).reduce((sum, one) => sum + one, 0);
    return row(
      pool.pool,
      total ? Object.entries(pool.depths).filter(([, depth]) => depth).map(([lane, depth]) => `${lane.replaceAll("_", " ")} ${depth}`).join(", ") : "empty",
      pool.oldestS ? seconds(pool.oldestS) : "—",
      pool.workers.length,
      pool.paused ? [h("span", { class: "wb-chip", "data-tone": "warn" }, pool.paused ? `paused: ${pool.paused}` : "paused"), " ", h("code", { class: "wb-muted" }, `workbench queue resume ${pool.pool.replace(/^data\./, "")}`)] : pool.draining.length ? "draining" : "open",
    );
  });
  return table(["pool", "waiting", "oldest", "workers", "state"], pools);
}

function waiting(list) {
  return h(
    "ul",
    { class: "wb-events" },
    list.map((one) => h("li", {}, h("a", { href: `/runs?job=${one.job}&node=${one.node}` }, `${one.job} ${one.node}`), ` ${one.wait.reason.replaceAll("_", " ")}${one.wait.services?.length ? `: ${one.wait.services.join(", ")}` : ""}`)),
  );
}

function letters(list) {
  return h(
    "ul",
    { class: "wb-events" },
    list.map((one) => h("li", {}, when(one.at), " ", h("a", { href: `/runs?job=${one.job}&node=${one.node}` }, one.service), ` ${one.message} `, h("span", { class: "wb-muted" }, `(attempt ${one.attempt}; open the run to continue where it stopped)`))),
  );
}
