// The bench as an operator sees it: parts with their remedy, workers, queues, what waits, dead letters, storage.

import { get } from "./api.js";
import { badge, bytes, empty, fill, h, problem, seconds, when } from "./dom.js";

const EVERY_MS = 2500;
const REMEDIES = {
  down: "Start it with `workbench up`; `workbench doctor` looks further.",
  failing: "It keeps dying: read its log in the home's folder logs/, and run `workbench doctor`.",
  starting: "It is on its way.",
};

export function mount(element) {
  const body = h("div", { class: "wb-system" });
  const said = h("div", {});
  let told = "";
  /** The same problem is said once, not at every poll. */
  const say = (error) => {
    const key = error ? `${error.code} ${error.message}` : "";
    if (key === told) return;
    told = key;
    fill(said, error ? problem(error) : null);
  };
  fill(element, said, body);
  let timer = null;
  const ask = async () => {
    if (!element.isConnected) return;
    if (document.visibilityState === "visible") {
      try {
        draw(body, await get("/api/system"));
        say(null);
      } catch (error) {
        say(error);
      }
    }
    timer = setTimeout(ask, EVERY_MS);
  };
  ask();
  return () => clearTimeout(timer);
}

function draw(body, system) {
  const open = new Set([...body.querySelectorAll("details[open]")].map((one) => one.dataset.key));
  const active = body.contains(document.activeElement) ? document.activeElement : null;
  const focus = active && keyOf(active);
  fill(
    body,
    section("Parts", h("div", { class: "wb-tiles" }, system.parts.map(part))),
    section("Workers", system.workers.length ? h("div", { class: "wb-tiles" }, system.workers.map((one) => worker(one, open))) : empty("No worker is up", "Start one: workbench worker --pool cpu")),
    system.queue ? section("Queues", queues(system.queue)) : null,
    system.queue?.waiting?.length ? section("Waiting", waiting(system.queue.waiting)) : null,
    system.queue?.deadLetters?.length ? section("Given up", letters(system.queue.deadLetters)) : null,
    system.capabilities && Object.keys(system.capabilities.missing).length
      ? section("Not offered now", h("dl", { class: "wb-values" }, Object.entries(system.capabilities.missing).map(([service, why]) => [h("dt", {}, service), h("dd", {}, why)])))
      : null,
    system.storage ? section("Storage", storage(system.storage)) : null,
  );
  if (focus) [...body.querySelectorAll("a, summary")].find((one) => keyOf(one) === focus)?.focus({ preventScroll: true });
}

/** What can have the focus is known again by its fold or by where it leads, after everything was drawn anew. */
const keyOf = (element) => element.closest("details")?.dataset.key ?? `${element.getAttribute("href")} ${element.textContent}`;

const section = (title, ...content) => h("section", {}, h("h2", {}, title), content);

function part(one) {
  return h(
    "div",
    { class: "wb-tile" },
    h("div", { class: "wb-tile-head" }, h("strong", {}, one.name), badge(one.state, one.state)),
    one.url ? h("code", { class: "wb-muted" }, one.url) : null,
    one.message ? h("p", {}, one.message) : null,
    REMEDIES[one.state] ? h("p", { class: "wb-muted" }, REMEDIES[one.state]) : null,
    one.restarts ? h("p", { class: "wb-muted" }, `restarted ${one.restarts} ${one.restarts === 1 ? "time" : "times"}${one.lastExit ? `, last after ${one.lastExit}` : ""}`) : null,
  );
}

function worker({ manifest, state, running }, open) {
  const services = manifest.services.filter((one) => one.available);
  const missing = manifest.services.filter((one) => !one.available);
  const key = `worker ${manifest.worker}`;
  return h(
    "div",
    { class: "wb-tile" },
    h("div", { class: "wb-tile-head" }, h("strong", {}, manifest.pool), h("span", { class: "wb-chip" }, manifest.plane), badge(state === "busy" ? "running" : "ready", state)),
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
    return h(
      "tr",
      {},
      h("th", { scope: "row" }, pool.pool),
      h("td", {}, total ? Object.entries(pool.depths).filter(([, depth]) => depth).map(([lane, depth]) => `${lane.replaceAll("_", " ")} ${depth}`).join(", ") : "empty"),
      h("td", {}, pool.oldestS ? seconds(pool.oldestS) : "—"),
      h("td", {}, pool.workers.length),
      h("td", {}, pool.paused ? h("span", { class: "wb-chip", "data-tone": "warn" }, `paused: ${pool.paused}`) : pool.draining.length ? "draining" : "open"),
    );
  });
  return h("table", { class: "wb-table" }, h("thead", {}, h("tr", {}, ["pool", "waiting", "oldest", "workers", "state"].map((one) => h("th", { scope: "col" }, one)))), h("tbody", {}, pools));
}

function waiting(list) {
  return h(
    "ul",
    { class: "wb-events" },
    list.map((one) => h("li", {}, h("a", { href: `/runs?job=${one.job}&node=${one.node}` }, `${one.job.slice(0, 14)} ${one.node}`), ` ${one.wait.reason.replaceAll("_", " ")}${one.wait.services?.length ? `: ${one.wait.services.join(", ")}` : ""}`)),
  );
}

function letters(list) {
  return h(
    "ul",
    { class: "wb-events" },
    list.map((one) => h("li", {}, when(one.at), " ", h("a", { href: `/runs?job=${one.job}&node=${one.node}` }, `${one.service}`), ` ${one.message} `, h("span", { class: "wb-muted" }, `(attempt ${one.attempt}; open it to go on where it stopped)`))),
  );
}

function storage(one) {
  const used = one.homeTotalBytes - one.homeFreeBytes;
  return h(
    "div",
    { class: "wb-tile" },
    h("p", {}, `${bytes(one.artifactBytes)} in ${one.artifactCount.toLocaleString("en-GB")} artifacts`),
    h("progress", { class: "wb-bar wb-bar-total", max: one.homeTotalBytes, value: used, "aria-label": "Disk of the home" }),
    h("p", { class: "wb-muted" }, `${bytes(one.homeFreeBytes)} of ${bytes(one.homeTotalBytes)} free on the disk of the home`),
  );
}
