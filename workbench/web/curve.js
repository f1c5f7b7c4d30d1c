// @ts-check
// A metric over steps as a small line chart: its last value, its best one, the value under the pointer, and a table.

import { fill, formatNumber, h, s } from "./dom.js";
import { metricName, metricValue, metricWords } from "./metrics.js";

/** @typedef {import("./series.js").Point} Point */
/** @typedef {Partial<import("./metrics.js").Metric>} Metric */
/** @typedef {{label: string, points: Point[]}} Line */

const HEIGHT = 132;
const [TOP, RIGHT, BOTTOM] = [8, 10, 22];
const CHAR = 6.6; // width of a character of a tick
const TABLE_ROWS = 12;
const LEAST_SMOOTHED = 30; // points
const SWINGS = 0.3; // share of the points where the direction changes

/**
 * A chart of one metric, of one run or of several. `update(lines)` redraws it if the points are new.
 * @param {string} name
 * @param {Metric | undefined} metric
 */
export function curve(name, metric) {
  /** @type {Line[]} */
  let lines = [];
  /** @type {Plane | null} */
  let plane = null;
  let at = -1; // step under the pointer
  const axis = metric?.axis || "step";
  const facts = h("span", { class: "wb-muted" });
  const value = h("span", { class: "wb-curve-value" });
  const caption = h("figcaption", {}, metricName(name, metric), value, facts);
  const plot = s("svg", { class: "wb-curve-plot", role: "img", tabindex: 0, height: HEIGHT });
  const reading = h("output", { class: "wb-curve-reading", hidden: true });
  const rows = h("table", { class: "wb-table" });
  const table = h("details", { class: "wb-curve-table", ontoggle: () => table.open && drawTable() }, h("summary", {}, "Values"), rows);
  const element = h("figure", { class: "wb-curve", "data-metric": name }, caption, h("div", { class: "wb-curve-frame" }, plot, reading), table);

  plot.addEventListener("pointermove", (event) => plane && read(plane.stepAt(event.offsetX)));
  plot.addEventListener("pointerdown", (event) => plane && read(plane.stepAt(event.offsetX)));
  plot.addEventListener("pointerleave", () => read(-1));
  plot.addEventListener("blur", () => read(-1));
  plot.addEventListener("keydown", (event) => {
    const move = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    const points = lines[0]?.points ?? [];
    if (!move || !points.length) return;
    event.preventDefault();
    const place = at < 0 ? points.length : nearest(points, at);
    read(points[Math.min(points.length - 1, Math.max(0, place + move))][0]);
  });
  new ResizeObserver(() => draw()).observe(plot);

  function draw() {
    const width = plot.clientWidth;
    if (!width || !lines.length) return;
    plane = planeOf(lines, width);
    const { x, y, left, ticksY } = plane;
    plot.setAttribute("viewBox", `0 0 ${width} ${HEIGHT}`);
    fill(
      plot,
      ticksY.map((tick) => [s("line", { class: "wb-curve-grid", x1: left, x2: width - RIGHT, y1: y(tick), y2: y(tick) }), text(left - 6, y(tick) + 4, "end", tickWords(tick))]),
      stepLabels(width),
      lines.map(({ points }, index) => {
        const smooth = smoothed(points);
        const path = (/** @type {string} */ kind, /** @type {Point[]} */ its) => s("path", { class: kind, "data-line": index, d: its.map(([step, one], place) => `${place ? "L" : "M"}${x(step).toFixed(1)} ${y(one).toFixed(1)}`).join("") });
        return [smooth ? path("wb-curve-raw", points) : null, path("wb-curve-line", smooth ?? points), dot(points.at(-1), index)];
      }),
      at < 0 ? null : marks(),
    );
  }

  /** The steps below the chart, the last one with the word for a step; those without room are left out. @param {number} width */
  function stepLabels(width) {
    const { x, left, ticksX } = /** @type {Plane} */ (plane);
    let free = Infinity; // where the label on the right begins
    return ticksX.toReversed().map((tick, index) => {
      const label = `${index ? "" : `${axis} `}${tick.toLocaleString("en-GB")}`;
      const [half, place] = [(CHAR * label.length) / 2, x(tick)];
      const middle = Math.min(width - half, Math.max(left + half - CHAR, place));
      if (middle + half + CHAR > free) return null;
      free = middle - half;
      return text(middle, HEIGHT - 5, "middle", label);
    });
  }

  const text = (/** @type {number} */ x, /** @type {number} */ y, /** @type {string} */ anchor, /** @type {string} */ tick) => s("text", { x: x.toFixed(1), y: y.toFixed(1), "text-anchor": anchor, "aria-hidden": "true" }, tick);
  const dot = (/** @type {Point | undefined} */ point, /** @type {number} */ index) => point && plane && s("circle", { class: "wb-curve-dot", "data-line": index, cx: plane.x(point[0]).toFixed(1), cy: plane.y(point[1]).toFixed(1), r: 3 });

  /** The points nearest to the pointer, and a line through them. */
  function marks() {
    if (!plane) return null;
    const through = plane.x(at).toFixed(1);
    const found = lines.map(({ points }, index) => dot(points[nearest(points, at)], index));
    return [s("line", { class: "wb-curve-pointer", x1: through, x2: through, y1: TOP, y2: HEIGHT - BOTTOM }), ...found];
  }

  /** @param {number} step */
  function read(step) {
    const points = lines[0]?.points ?? [];
    at = step < 0 || !points.length ? -1 : points[nearest(points, step)][0];
    reading.hidden = at < 0;
    if (at >= 0) reading.textContent = `${axis} ${at.toLocaleString("en-GB")}: ${lines.map((line) => valueOf(line, at)).join(" · ")}`;
    draw();
  }

  const valueOf = (/** @type {Line} */ { label, points }, /** @type {number} */ step) => {
    const point = points[nearest(points, step)];
    return `${label ? `${label} ` : ""}${point ? metricValue(point[1], metric) : "–"}`;
  };

  function drawTable() {
    const steps = some(lines.reduce((most, line) => (line.points.length > most.length ? line.points : most), /** @type {Point[]} */ ([]))).map(([step]) => step);
    fill(
      rows,
      h("thead", {}, h("tr", {}, h("th", { scope: "col" }, axis), lines.map(({ label }) => h("th", { scope: "col" }, label || metricWords(name))))),
      h("tbody", {}, steps.map((step) => h("tr", {}, h("th", { scope: "row" }, step.toLocaleString("en-GB")), lines.map(({ points }) => h("td", {}, points.length ? formatNumber(points[nearest(points, step)][1]) : "—"))))),
    );
  }

  return {
    element,
    /** @param {Line[]} now */
    update(now) {
      const filled = now.filter(({ points }) => points.length);
      if (filled.length === lines.length && filled.every((line, index) => line.points === lines[index]?.points)) return;
      lines = filled;
      if (!lines.length) return;
      const said = lines.map((line) => words(line, metric, axis));
      plot.setAttribute("aria-label", lines.map(({ label, points }, index) => `${label || metricWords(name)}: ${metricValue(points.at(-1)?.[1] ?? NaN, metric)} ${said[index]}`).join("; "));
      if (lines.length === 1) {
        value.textContent = metricValue(lines[0].points.at(-1)?.[1] ?? NaN, metric);
        facts.textContent = said[0];
      } else {
        fill(facts, lines.map(({ label, points }, index) => h("span", { class: "wb-curve-key", "data-line": index }, `${label} ${metricValue(points.at(-1)?.[1] ?? NaN, metric)}`)));
      }
      draw();
      if (table.open) drawTable();
    },
  };
}

/**
 * The curves of a node: the first one, and the others on demand. `update(node)` adds and redraws them.
 * @param {HTMLElement} element
 */
export function curvesOf(element) {
  /** @type {Map<string, ReturnType<typeof curve>>} */
  const shown = new Map();
  const count = h("summary", {});
  const more = h("details", { class: "wb-curve-more" }, count);
  return (/** @type {{series?: import("./series.js").Series, metricMeanings?: Record<string, Metric>}} */ node) => {
    for (const [name, points] of Object.entries(node.series ?? {})) {
      let one = shown.get(name);
      if (!one) {
        one = curve(name, node.metricMeanings?.[name]);
        shown.set(name, one);
        if (shown.size === 1) element.append(one.element);
        else more.append(one.element);
        if (shown.size > 1) element.append(more);
        count.textContent = shown.size === 2 ? `Curve of ${metricWords(name)}` : `${shown.size - 1} more curves`;
      }
      one.update([{ label: "", points }]);
    }
  };
}

/** "at step 120, from 1.93; lowest 0.39 at step 98" or "…; its lowest" @param {Line} line @param {Metric | undefined} metric @param {string} axis */
function words({ points }, metric, axis) {
  const last = /** @type {Point} */ (points.at(-1));
  const since = points.length > 1 ? `, from ${metricValue(points[0][1], metric)}` : "";
  const up = metric?.better === "higher";
  const best = points.reduce((one, other) => (up ? other[1] > one[1] : other[1] < one[1]) ? other : one);
  const extreme = up ? "highest" : "lowest";
  const where = best === last ? `its ${extreme}` : `${extreme} ${metricValue(best[1], metric)} at ${axis} ${best[0].toLocaleString("en-GB")}`;
  return `at ${axis} ${last[0].toLocaleString("en-GB")}${since}${points.length > 1 && metric?.better !== "neither" ? `; ${where}` : ""}`;
}

/**
 * The mean over a twentieth of the steps, but at least over five points, for a metric that swings from step to step, like the
 * loss of a diffusion model; null for one that does not, whose own line says more.
 * @param {Point[]} points
 * @returns {Point[] | null}
 */
export function smoothed(points) {
  const turns = points.filter(([, its], index) => index > 0 && index < points.length - 1 && (its - points[index - 1][1]) * (points[index + 1][1] - its) < 0).length;
  if (points.length < LEAST_SMOOTHED || turns < points.length * SWINGS) return null;
  const reach = (points[points.length - 1][0] - points[0][0]) / 40;
  let [from, until] = [0, 0]; // of the points that are near
  return points.map(([step, , at], index) => {
    while (points[from][0] < step - reach) from += 1;
    while (until < points.length && points[until][0] <= step + reach) until += 1;
    const near = points.slice(Math.max(0, Math.min(from, index - 2)), Math.max(until, index + 3));
    return [step, near.reduce((sum, [, its]) => sum + its, 0) / near.length, at];
  });
}

/** The place of the point whose step is nearest. @param {Point[]} points @param {number} step */
function nearest(points, step) {
  const after = points.findIndex(([its]) => its >= step);
  if (after < 0) return points.length - 1;
  return after > 0 && step - points[after - 1][0] < points[after][0] - step ? after - 1 : after;
}

/** Some points, evenly, with the first and the last. @param {Point[]} points */
function some(points) {
  const count = Math.min(TABLE_ROWS, points.length);
  return [...Array(count).keys()].map((index) => points[Math.round((index * (points.length - 1)) / Math.max(1, count - 1))]);
}

/**
 * @typedef {object} Plane
 * @property {(step: number) => number} x
 * @property {(value: number) => number} y
 * @property {(x: number) => number} stepAt
 * @property {number} left
 * @property {number[]} ticksX
 * @property {number[]} ticksY
 */

/** The axes. @param {Line[]} lines @param {number} width @returns {Plane} */
function planeOf(lines, width) {
  const all = lines.flatMap(({ points }) => points);
  const range = (/** @type {number[]} */ values) => [Math.min(...values), Math.max(...values)];
  const [from, until] = range(all.map(([step]) => step));
  const span = until - from || 1;
  const [least, most] = range(all.map(([, its]) => its));
  const room = (most - least) * 0.06 || Math.abs(most) * 0.1 || 1;
  const [low, high] = [least - room, most + room];
  const ticksY = ticks(low, high, 3);
  const left = 10 + CHAR * Math.max(...ticksY.map((tick) => tickWords(tick).length));
  const inner = Math.max(1, width - left - RIGHT);
  return {
    x: (step) => left + ((step - from) / span) * inner,
    y: (its) => TOP + ((high - its) / (high - low)) * (HEIGHT - TOP - BOTTOM),
    stepAt: (x) => Math.max(0, Math.round(from + ((x - left) / inner) * span)),
    left,
    ticksX: stepTicks(from, until, Math.max(3, Math.floor(inner / 100))),
    ticksY,
  };
}

/** @param {number} tick */
const tickWords = (tick) => (tick && Math.abs(tick) < 0.001 ? tick.toExponential() : tick.toLocaleString("en-GB", { maximumSignificantDigits: 6 }));

/** Round steps between the first and the last, or these two. @param {number} from @param {number} until @param {number} count */
function stepTicks(from, until, count) {
  const found = ticks(from, until, count).filter(Number.isInteger);
  return found.length > 1 || from === until ? found : [from, until];
}

/** Round numbers from `low` to `high`, about `count`. @param {number} low @param {number} high @param {number} count */
function ticks(low, high, count) {
  const rough = (high - low) / count || 1;
  const power = 10 ** Math.floor(Math.log10(rough));
  const every = power * ([1, 2, 5].find((one) => one * power >= rough) ?? 10);
  const first = Math.ceil(low / every);
  return [...Array(Math.floor(high / every) - first + 1).keys()].map((index) => Number(((first + index) * every).toPrecision(12)));
}
