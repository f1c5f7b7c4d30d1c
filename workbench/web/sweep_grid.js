// @ts-check
// Which cell of a sweep stands where on its wall, and the colours of a metric. No elements here.

/**
 * @typedef {{name: string, labels: string[]}} Axis
 * @typedef {{index: number, at: (number | null)[], metrics: Record<string, number>, [more: string]: any}} Cell
 * @typedef {{rows: string, columns: string, only: Record<string, string>}} Wanted  Axes by name ("" is none), and filters: axis -> label.
 */

export const NONE = "-"; // in the address: no axis, although there is one by default
const FEW = 4; // cells at one crossing before the others become filters
const WIDE = 12; // columns

/**
 * The axes of the wall and the filters where the reader has not chosen.
 * @param {{axes: Axis[], spec?: any, table: Cell[]}} sweep
 * @param {{rows?: string, columns?: string, only?: Record<string, string>}} chosen
 * @returns {Wanted}
 */
export function settled({ axes, spec, table }, chosen) {
  const names = new Set(axes.map((axis) => axis.name));
  const scattered = ["random", "latin", "list"].includes(spec?.method ?? "grid"); // hardly any two cells share a row
  const free = axes.filter((axis, index) => axis.labels.length > 1 && !spec?.axes?.[index]?.with);
  let [first, second] = scattered ? [] : free;
  if (first && second && second.labels.length > WIDE && first.labels.length < second.labels.length) [first, second] = [second, first];
  const named = (/** @type {string | undefined} */ name, /** @type {Axis | undefined} */ usual) => (name === NONE ? "" : name && names.has(name) ? name : (usual?.name ?? ""));
  const rows = named(chosen.rows, second ? first : undefined);
  let columns = named(chosen.columns, second ?? first);
  if (columns === rows) columns = "";
  const only = Object.fromEntries(Object.entries(chosen.only ?? {}).filter(([name, label]) => name !== rows && name !== columns && axes.find((axis) => axis.name === name)?.labels.includes(label)));
  const others = axes.filter((axis) => axis.name !== rows && axis.name !== columns && axis.labels.length > 1 && !(axis.name in (chosen.only ?? {})));
  let depth = (rows || columns) && !scattered ? others.reduce((product, axis) => product * axis.labels.length, 1) : 1;
  for (const axis of others) {
    if (depth <= FEW || table.length <= FEW) break;
    only[axis.name] = String(axis.labels[0]);
    depth /= axis.labels.length;
  }
  return { rows, columns, only };
}

/**
 * The crossings of the wall.
 * @param {{axes: Axis[], table: Cell[]}} sweep
 * @param {Wanted} wanted
 */
export function arranged({ axes, table }, { rows, columns, only }) {
  const place = (/** @type {string} */ name) => axes.findIndex((axis) => axis.name === name);
  const [row, column] = [place(rows), place(columns)];
  const conditions = Object.entries(only).map(([name, label]) => [place(name), axes[place(name)]?.labels.indexOf(label)]);
  const shown = table.filter((cell) => conditions.every(([axis, at]) => axis < 0 || cell.at[axis] === at));
  const used = (/** @type {number} */ axis) => {
    if (axis < 0) return [-1];
    const there = new Set(shown.map((cell) => cell.at[axis] ?? -1));
    return [...axes[axis].labels.keys(), -1].filter((at) => there.has(at));
  };
  const [down, across] = [used(row), used(column)];
  /** @type {Map<string, Cell[]>} */
  const crossings = new Map();
  for (const cell of shown) {
    const key = `${row < 0 ? -1 : (cell.at[row] ?? -1)} ${column < 0 ? -1 : (cell.at[column] ?? -1)}`;
    const there = crossings.get(key);
    if (there) there.push(cell);
    else crossings.set(key, [cell]);
  }
  const rest = axes.map((_, index) => index).filter((index) => index !== row && index !== column && !(axes[index].name in only) && axes[index].labels.length > 1);
  return {
    shown,
    down,
    across,
    rowLabel: (/** @type {number} */ at) => label(axes[row], at),
    columnLabel: (/** @type {number} */ at) => label(axes[column], at),
    at: (/** @type {number} */ r, /** @type {number} */ c) => crossings.get(`${r} ${c}`) ?? [],
    /** What tells the cells of one crossing apart. @param {Cell} cell */
    caption: (cell) => rest.map((index) => `${axes[index].name} ${label(axes[index], cell.at[index])}`).join(" · "),
  };
}

/** The label of a choice; cells that a changed sweep took out may have none. @param {Axis | undefined} axis @param {number | null} at */
const label = (axis, at) => (axis ? (at === null || at < 0 ? "–" : (axis.labels[at] ?? "")) : "");

/** All axes and labels of a cell, in words. @param {Axis[]} axes @param {Cell} cell */
export const wordsOf = (axes, cell) => axes.map((axis, index) => `${axis.name} ${label(axis, cell.at[index])}`).join(", ");

/** The names of the metrics of a sweep, the most frequent first. @param {Cell[]} table */
export function metricsIn(table) {
  /** @type {Map<string, number>} */
  const counts = new Map();
  for (const cell of table) for (const name of Object.keys(cell.metrics ?? {})) counts.set(name, (counts.get(name) ?? 0) + 1);
  return [...counts].sort((a, b) => b[1] - a[1] || a[0].localeCompare(b[0])).map(([name]) => name);
}

/**
 * Where the values of a metric lie between the least and the greatest of the cells: `share` is 0 to 1, 1 the best one; without
 * a better direction, the greatest one.
 * @param {Cell[]} cells
 * @param {string} metric
 * @param {string} better
 */
export function scaleOf(cells, metric, better) {
  const values = cells.map((cell) => cell.metrics?.[metric]).filter((value) => Number.isFinite(value));
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const lower = better === "lower";
  return {
    count: values.length,
    low,
    high,
    share: (/** @type {number} */ value) => (high > low ? (lower ? high - value : value - low) / (high - low) : 1),
    best: (/** @type {number} */ value) => values.length > 1 && high > low && ["lower", "higher"].includes(better) && value === (lower ? low : high),
  };
}
