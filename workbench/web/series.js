// @ts-check
// Metrics over steps, with the same rules as schemas/series.py; a test compares both.

/** A step, its value, and the time in seconds since 1970. @typedef {[number, number, number]} Point */
/** @typedef {Record<string, Point[]>} Series */

const MOST_POINTS = 1000;

/**
 * The series of a node with further points.
 * @param {Series} series
 * @param {Series} points
 * @returns {Series}
 */
export function extended(series, points) {
  const more = Object.entries(points).map(([name, its]) => [name, merged(series[name] ?? [], its, MOST_POINTS)]);
  return { ...series, ...Object.fromEntries(more) };
}

/**
 * The points followed by the new ones, which replace all from their first step on.
 * @param {Point[]} points
 * @param {Point[]} added
 * @param {number} most
 */
export function merged(points, added, most) {
  if (!added.length) return points;
  const from = points.findIndex(([step]) => step >= added[0][0]);
  return thinned([...(from < 0 ? points : points.slice(0, from)), ...added], most);
}

/**
 * At most `most` points: if there are more, the first, the last, and the extremes of equal ranges of steps.
 * @param {Point[]} points
 * @param {number} most
 */
export function thinned(points, most) {
  if (points.length <= most) return points;
  const first = points[0][0];
  const last = /** @type {Point} */ (points.at(-1));
  const ranges = Math.floor(most / 4) - 1;
  const kept = [points[0]];
  let here = -1;
  let low = points[0];
  let high = points[0];
  const keep = () => kept.push(...(low[0] === high[0] ? [low] : low[0] < high[0] ? [low, high] : [high, low]));
  for (const point of points.slice(1, -1)) {
    const place = Math.floor(((point[0] - first) * ranges) / (last[0] - first + 1));
    if (place !== here) {
      if (here >= 0) keep();
      [here, low, high] = [place, point, point];
    } else if (point[1] < low[1]) low = point;
    else if (point[1] > high[1]) high = point;
  }
  keep();
  return [...kept, last];
}
