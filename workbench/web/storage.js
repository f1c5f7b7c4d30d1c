// @ts-check
// The storage of the deployment by kind, the bytes that the next collection frees, and the retention rule.

import { ask } from "./api.js";
import { askCollection } from "./collection.js";
import { button, bytes, fill, h, when } from "./dom.js";
import { poll, problemsIn } from "./messages.js";
import { COUNTED, GROUPS, kindWords, several } from "./stored_kinds.js";

const EVERY_MS = 10_000;

/** Draw into `element`, and refresh while it is on the page. */
export function storage(element) {
  const messages = h("div", {});
  const head = h("div", {});
  const tiles = GROUPS.map((group, index) => h("div", { class: "wb-tile", "data-group": index }));
  const next = h("div", {});
  const act = h("div", { class: "wb-actions" });
  fill(element, h("h2", {}, "Storage"), messages, head, h("div", { class: "wb-tiles" }, tiles, h("div", { class: "wb-tile" }, next, act)));
  const show = problemsIn(messages);
  /** @type {Api.Schema<"StorageAnswer"> | null} */
  let now = null;
  const draw = (/** @type {Api.Schema<"StorageAnswer">} */ answer) => {
    now = answer;
    const sums = GROUPS.map((group, index) => kindsOf(answer.kinds, index));
    fill(head, summary(answer, sums));
    tiles.forEach((tile, index) => fill(tile, groupTile(index, sums[index])));
    fill(next, collection(answer));
  };
  const load = () => ask("GET /api/storage").then(draw).then(() => show(null), show); // the last data remain visible
  ask("GET /api/session")
    .then(({ role }) => fill(act, role === "admin" ? button("Collect now…", { icon: "trash", onclick: () => askCollection(now?.retention, { collected: load }) }) : h("p", { class: "wb-muted" }, "Only administrators can start a collection.")))
    .catch(() => null); // load() already shows the problem
  poll(element, EVERY_MS, load);
}

/** The kinds of a group in display order; unknown kinds come last. */
function kindsOf(kinds, index) {
  const known = new Map(kinds.map((one) => [one.kind, one]));
  const own = Object.keys(GROUPS[index].kinds).map((kind) => known.get(kind)).filter(Boolean);
  if (index < GROUPS.length - 1) return own;
  const named = new Set([...GROUPS.flatMap((one) => Object.keys(one.kinds)), ...Object.keys(COUNTED)]);
  return [...own, ...kinds.filter((one) => !named.has(one.kind))];
}

const total = (list) => list.reduce((sum, one) => sum + one.bytes, 0);

function summary(now, sums) {
  const counts = Object.entries(COUNTED).map(([kind, words]) => [now.kinds.find((one) => one.kind === kind)?.count, words]);
  const shares = GROUPS.map((group, index) => `${group.title} ${bytes(total(sums[index]))}`).join(", ");
  return [
    h("p", {}, h("strong", {}, `${bytes(now.bytes)} stored`), h("span", { class: "wb-muted" }, ` · ${bytes(now.homeFreeBytes)} of ${bytes(now.homeTotalBytes)} free on the disk of the home`)),
    h("div", { class: "wb-shares", role: "img", "aria-label": shares }, sums.map((list, index) => h("span", { "data-group": index, style: `flex-grow: ${total(list)}` }))),
    h("p", { class: "wb-muted" }, counts.filter(([count]) => count !== undefined).map(([count, words]) => several(count, ...words)).join(" · ")),
  ];
}

function groupTile(index, list) {
  const { title } = GROUPS[index];
  return [
    h("div", { class: "wb-tile-head" }, h("span", { class: "wb-swatch", "data-group": index, "aria-hidden": "true" }), h("strong", {}, title), h("span", { class: "wb-tile-sum" }, bytes(total(list)))),
    h("table", { class: "wb-table wb-sizes" }, h("caption", { class: "wb-sr" }, `${title}: kind, number, size`), h("tbody", {}, list.map((one) => h("tr", { "data-empty": String(!one.bytes) }, h("th", { scope: "row" }, kindWords(one.kind)), h("td", { class: "wb-muted" }, one.count.toLocaleString("en-GB")), h("td", {}, one.bytes ? bytes(one.bytes) : "—"))))),
  ];
}

/** @param {Api.Schema<"StorageAnswer">} now */
function collection({ collectableBytes, retention, lastCollection }) {
  return [
    h("div", { class: "wb-tile-head" }, h("strong", {}, "Next collection"), h("span", { class: "wb-tile-sum" }, collectableBytes ? bytes(collectableBytes) : "nothing")),
    h("p", {}, collectableBytes ? "The next collection removes these artifacts, because no job and no upload uses them." : "Every artifact is used by a job or an upload."),
    h("p", { class: "wb-muted" }, ruleWords(retention)),
    lastCollection ? h("p", { class: "wb-muted" }, "Last collection: ", when(lastCollection.at), `, ${bytes(lastCollection.bytes)} removed.`, lastCollection.left.length ? ` ${lastCollection.left.join(" ")}` : "") : h("p", { class: "wb-muted" }, "There has been no collection yet."),
  ];
}

function ruleWords(rule) {
  if (!rule) return ["Nothing is deleted automatically, because ", h("code", {}, "WORKBENCH_RETENTION_OLDER_THAN"), " is not set."];
  const what = [rule.olderThan ? `finished jobs older than ${rule.olderThan}` : "", rule.maxGib ? `the oldest jobs while artifacts use more than ${rule.maxGib} GiB` : ""].filter(Boolean).join(", and ");
  return `Once a day the control plane deletes ${what}${rule.keepTags.length ? `, except jobs with the tag ${rule.keepTags.join(" or ")}` : ""}, and then collects unused artifacts.`;
}
