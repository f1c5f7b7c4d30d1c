// @ts-check
// Draws a graph in layers, left to right, with the states of its nodes. Method: Sugiyama, Tagawa and Toda, "Methods for visual
// understanding of hierarchical system structures", IEEE SMC 1981, with longest-path layers and barycentre order.

import { STATUS_WORDS, fill, h, s, seconds } from "./dom.js";

const WIDTH = 156;
const HEIGHT = 46;
const GAP_X = 44;
const GAP_Y = 18;
const SWEEPS = 4;

/** Positions: {nodes: Map id -> {x, y}, width, height}. Edges with unknown nodes are ignored. */
export function layout(ids, edges) {
  const known = new Set(ids);
  const parents = new Map(ids.map((id) => [id, []]));
  const children = new Map(ids.map((id) => [id, []]));
  for (const { from, to } of edges) {
    if (!known.has(from) || !known.has(to)) continue;
    parents.get(to).push(from);
    children.get(from).push(to);
  }
  const depth = new Map();
  const visit = (id, path) => {
    if (depth.has(id)) return depth.get(id);
    if (path.has(id)) return 0; // submit refuses cycles, but a drawing must not hang on one
    path.add(id);
    const own = Math.max(-1, ...parents.get(id).map((parent) => visit(parent, path))) + 1;
    path.delete(id);
    depth.set(id, own);
    return own;
  };
  ids.forEach((id) => visit(id, new Set()));
  // Place a source just before its first child, not at the far left.
  for (const id of ids) if (!parents.get(id).length && children.get(id).length) depth.set(id, Math.min(...children.get(id).map((child) => depth.get(child))) - 1);
  const least = Math.min(0, ...depth.values());
  const layers = [];
  for (const id of ids) (layers[depth.get(id) - least] ??= []).push(id);
  const columns = layers.filter(Boolean);
  const place = new Map();
  const note = () => columns.forEach((layer) => layer.forEach((id, index) => place.set(id, index - (layer.length - 1) / 2)));
  note();
  const middle = (id, near) => (near.get(id).length ? near.get(id).reduce((sum, one) => sum + place.get(one), 0) / near.get(id).length : place.get(id));
  for (let sweep = 0; sweep < SWEEPS; sweep += 1) {
    const near = sweep % 2 ? children : parents;
    for (const layer of sweep % 2 ? [...columns].reverse() : columns) {
      layer.sort((a, b) => middle(a, near) - middle(b, near));
      layer.forEach((id, index) => place.set(id, index - (layer.length - 1) / 2));
    }
  }
  const most = Math.max(1, ...columns.map((layer) => layer.length));
  const height = most * (HEIGHT + GAP_Y) - GAP_Y;
  const nodes = new Map();
  columns.forEach((layer, column) =>
    layer.forEach((id, index) => nodes.set(id, { x: column * (WIDTH + GAP_X), y: height / 2 + (index - (layer.length - 1) / 2) * (HEIGHT + GAP_Y) - HEIGHT / 2 })),
  );
  return { nodes, width: Math.max(WIDTH, columns.length * (WIDTH + GAP_X) - GAP_X), height };
}

/**
 * A drawing that can be updated: {element, legend, update(nodes, selected)}. `legend` is null if nothing needs one.
 *
 * @typedef {{id: string, name?: string, status: Api.Schema<"NodeStatus">, fraction?: number, seconds?: number | null, cached?: boolean, words?: string}} Box
 * @param {Box[]} nodes
 * @param {{from: string, to: string, kind?: string}[]} edges
 * @param {Pick<Api.Schema<"Stream">, "producer" | "consumer">[]} streams  Edges whose nodes run at the same time.
 * @param {((id: string) => void) | null} [chosen]  Called on a click or Enter; without it the nodes are not selectable.
 */
export function graphView(nodes, edges, streams = [], chosen = null) {
  const placed = layout(nodes.map((node) => node.id), edges);
  const inParts = new Set(streams.map(({ producer, consumer }) => `${producer}>${consumer}`));
  const nameOf = new Map(nodes.map((node) => [node.id, node.name ?? node.id]));
  const lines = edges
    .filter(({ from, to }) => placed.nodes.has(from) && placed.nodes.has(to))
    .map(({ from, to, kind }) => {
      const a = placed.nodes.get(from);
      const b = placed.nodes.get(to);
      const [x1, y1, x2, y2] = [a.x + WIDTH, a.y + HEIGHT / 2, b.x, b.y + HEIGHT / 2];
      const bend = Math.max(18, (x2 - x1) / 2);
      const d = `M${x1} ${y1}C${x1 + bend} ${y1} ${x2 - bend} ${y2} ${x2} ${y2}`;
      if (!inParts.has(`${from}>${to}`)) return s("path", { d, class: "wb-edge", "data-kind": kind ?? "normal" });
      return doubleLine(d, `${nameOf.get(to)} takes the parts of ${nameOf.get(from)} while more are made.`);
    });
  const boxes = new Map();
  for (const node of nodes) {
    const { x, y } = placed.nodes.get(node.id);
    const name = s("text", { x: 14, y: 19, class: "wb-graph-name" });
    const words = s("text", { x: 14, y: 35, class: "wb-graph-words" });
    const done = s("rect", { x: 0, y: HEIGHT - 3, width: 0, height: 3, class: "wb-graph-done" });
    const group = s(
      "g",
      { transform: `translate(${x} ${y})`, class: "wb-graph-node", ...(chosen ? { tabindex: 0, role: "button" } : { role: "img" }) },
      s("rect", { width: WIDTH, height: HEIGHT, rx: 9, class: "wb-graph-box" }),
      s("circle", { cx: WIDTH - 13, cy: HEIGHT - 15, r: 4, class: "wb-graph-dot" }),
      name,
      words,
      done,
    );
    if (chosen) {
      group.addEventListener("click", () => chosen(node.id));
      group.addEventListener("keydown", (event) => {
        if (event.key !== "Enter" && event.key !== " ") return;
        event.preventDefault();
        chosen(node.id);
      });
    }
    boxes.set(node.id, { group, name, words, done });
  }
  const element = s(
    "svg",
    { viewBox: `-2 -2 ${placed.width + 4} ${placed.height + 4}`, class: "wb-graph", style: `--wb-drawn: ${placed.width + 4}px`, role: "group", "aria-label": "Graph" },
    lines,
    [...boxes.values()].map((box) => box.group),
  );
  const update = (now, selected) => {
    for (const node of now) {
      const box = boxes.get(node.id);
      if (!box) continue;
      box.group.setAttribute("data-status", node.status ?? "pending");
      if (chosen) box.group.setAttribute("aria-pressed", String(selected === node.id));
      box.group.setAttribute("aria-label", `${node.name ?? node.id}: ${STATUS_WORDS[node.status] ?? node.status ?? ""}`);
      fill(box.name, short(node.name ?? node.id, 19));
      fill(box.words, node.words ? short(node.words, 23) : node.status === "completed" ? (node.cached ? "cached" : seconds(node.seconds)) : (STATUS_WORDS[node.status] ?? "").toLowerCase());
      box.done.setAttribute("width", node.status === "running" ? Math.round(WIDTH * (node.fraction ?? 0)) : 0);
    }
  };
  update(nodes, null);
  const marked = lines.some((line) => line.classList.contains("wb-edge-parts"));
  return { element, legend: marked ? legend() : null, update };
}

/** An edge whose nodes run at the same time. */
const doubleLine = (d, sentence = "") =>
  s("g", { class: "wb-edge-parts" }, sentence && s("title", {}, sentence), s("path", { d, class: "wb-edge" }), s("path", { d, class: "wb-edge-gap" }));

const legend = () =>
  h(
    "p",
    { class: "wb-graph-legend" },
    s("svg", { viewBox: "0 0 28 8", width: 28, height: 8, "aria-hidden": "true" }, doubleLine("M0 4H28")),
    "In parts: the next node starts with the first part.",
  );

const short = (text, length) => (text.length > length ? `${text.slice(0, length - 1)}…` : text);
