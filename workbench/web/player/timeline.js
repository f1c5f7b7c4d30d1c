// @ts-check
// The time line: the place of the clock, the loop, the waveform of the audio that plays, and the words or phonemes spoken.

import { fill, h, s } from "../dom.js";
import { letter } from "./stage.js";

const HEIGHT = 40;
const LEAST_WIDTH = 2.2; // per cent, under which a label has no room

/** @typedef {{text: string, start: number, end: number}} Mark  In seconds. */
/** @typedef {{words?: Mark[], phonemes?: Mark[]}} Spoken */

/**
 * @param {import("./timing.js").Timing} timing
 * @param {(index: number) => void} seek
 * @param {(from: number, to: number) => void} loop
 */
export function timeline(timing, seek, loop) {
  const last = timing.times.length - 1;
  const whole = timing.times[last] + timing.period;
  const share = (/** @type {number} */ second) => `${Math.min(100, Math.max(0, (second / whole) * 100)).toFixed(3)}%`;
  const wave = s("path", { class: "wb-wave" });
  const drawing = s("svg", { class: "wb-player-wave", viewBox: `0 0 600 ${HEIGHT}`, preserveAspectRatio: "none", "aria-hidden": "true" }, wave);
  const range = h("div", { class: "wb-player-range", hidden: true });
  const head = h("div", { class: "wb-player-head" });
  const place = h("input", { type: "range", class: "wb-player-place", min: 0, max: last, step: 1, value: 0, "aria-label": "Position", oninput: () => seek(Number(place.value)) });
  const track = h("div", { class: "wb-player-track" }, drawing, range, head, place);
  const rows = h("div", { class: "wb-player-spoken" });
  const element = h("div", { class: "wb-player-timeline" }, track, rows);
  /** @type {number | null} */
  let dragged = null; // where a new loop begins
  const at = (/** @type {PointerEvent} */ event) => {
    const box = track.getBoundingClientRect();
    return timing.index(((event.clientX - box.left) / box.width) * whole);
  };

  // The control is drawn by the browser with a thumb inside its ends, so pointers are placed by the track itself.
  place.addEventListener("pointerdown", (event) => {
    event.preventDefault();
    place.focus({ preventScroll: true });
    place.setPointerCapture(event.pointerId);
    if (event.shiftKey) dragged = at(event);
    else seek(at(event));
  });
  place.addEventListener("pointermove", (event) => {
    if (!place.hasPointerCapture(event.pointerId)) return;
    if (dragged === null) seek(at(event));
    else if (dragged !== at(event)) loop(Math.min(dragged, at(event)), Math.max(dragged, at(event)));
  });
  for (const end of ["pointerup", "pointercancel"]) place.addEventListener(end, () => (dragged = null));

  /** @type {{marks: Mark[], spans: HTMLElement[], current: number}[]} */
  let spoken = [];

  return {
    element,
    /** @param {number} index */
    show(index) {
      const second = timing.times[index];
      head.style.left = share(second);
      place.value = String(index);
      for (const row of spoken) {
        const current = row.marks.findLastIndex((mark) => mark.start <= second + 0.001 && second < Math.max(mark.end, mark.start + 0.01));
        if (current === row.current) continue;
        row.spans[row.current]?.removeAttribute("aria-current");
        row.spans[current]?.setAttribute("aria-current", "true");
        row.current = current;
      }
    },
    /** @param {[number, number] | null} wanted @param {string} words */
    update(wanted, words) {
      range.hidden = !wanted;
      place.setAttribute("aria-valuetext", words);
      if (!wanted) return;
      range.style.left = share(timing.times[wanted[0]]);
      range.style.right = `calc(100% - ${share(timing.times[wanted[1]] + timing.period)})`;
    },
    /** What is heard. @param {number} video @param {{peaks: number[], durationS: number} | null} heard @param {Spoken | undefined} said */
    hear(video, heard, said) {
      const [middle, peaks] = [HEIGHT / 2, heard?.peaks ?? []];
      const x = (/** @type {number} */ number) => ((number / Math.max(1, peaks.length - 1)) * 600 * (heard?.durationS || whole)) / whole;
      const reach = (/** @type {number} */ peak) => Math.max(0.5, peak * (middle - 2));
      wave.setAttribute("d", peaks.length ? `${peaks.map((peak, number) => `${number ? "L" : "M"}${x(number).toFixed(2)} ${(middle - reach(peak)).toFixed(2)}`).join("")}${peaks.map((peak, number) => `L${x(number).toFixed(2)} ${(middle + reach(peak)).toFixed(2)}`).reverse().join("")}Z` : "");
      spoken = /** @type {const} */ (["words", "phonemes"]).flatMap((kind) => {
        const marks = said?.[kind] ?? [];
        const spans = marks.map((mark) => {
          const wide = ((mark.end - mark.start) / whole) * 100;
          return h("span", { class: "wb-player-mark", style: `left: ${share(mark.start)}; width: ${share(mark.end - mark.start)}`, title: mark.text, "data-narrow": wide < LEAST_WIDTH && mark.text.length > 2 ? "" : null }, mark.text);
        });
        return marks.length ? [{ kind, marks, spans, current: -1 }] : [];
      });
      fill(rows, spoken.map(({ spans }, row) => h("div", { class: "wb-player-marks", "aria-label": row ? "Phonemes" : `Words of ${letter(video)}`, role: "group" }, spans)));
    },
  };
}
