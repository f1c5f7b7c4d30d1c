// @ts-check
// One cell of a sweep's wall: its thumbnail, which moves while it plays, its state and its metrics.

import { setFileUrl, setThumbnailUrl } from "./artifact.js";
import { STATUS_WORDS, fill, formatNumber, h, icon, sentence } from "./dom.js";
import { isFinal } from "./fold.js";
import { metricValue, metricWords } from "./metrics.js";

const SIDE_PX = 320; // of a thumbnail
const MOST_METRICS = 3; // below a cell while no metric is chosen

/**
 * What the wall knows of all of its cells.
 * @typedef {object} Look
 * @property {string} metric  "node.metric"; "" for none.
 * @property {Record<string, any>} meanings  Metric by "node.metric".
 * @property {ReturnType<typeof import("./sweep_grid.js").scaleOf> | null} scale
 * @property {boolean} picks  Whether cells can be selected.
 * @property {(path: string) => string | null} page
 * @property {boolean} tab  Whether links open a new tab.
 */

/**
 * An empty cell. `draw` fills it, `update` takes new data, `play` and `rest` start and stop its video.
 * @param {{words: string, caption: string, picked: (on: boolean, range: boolean) => void, shaped: (aspect: number) => void, hovers: () => boolean}} options
 */
export function sweepCell({ words, caption, picked, shaped, hovers }) {
  const media = h("a", { class: "wb-cell-media" });
  const chips = h("span", { class: "wb-cell-chips" });
  const box = h("input", { type: "checkbox", "aria-label": `Select ${words}`, onclick: (event) => picked(box.checked, event.shiftKey) });
  const pick = h("label", { class: "wb-cell-pick" }, box);
  const foot = h("div", { class: "wb-cell-foot" });
  const element = h("div", { class: "wb-cell", role: "group", "aria-label": words });
  /** @type {HTMLVideoElement | null} */
  let player = null;
  /** @type {any} */
  let now = null;
  /** @type {Look | null} */
  let seen = null;
  let drawn = false;
  let shown = "";
  let pictured = "";

  element.addEventListener("pointerenter", () => hovers() && play());
  element.addEventListener("pointerleave", () => hovers() && rest());
  media.addEventListener("focus", () => hovers() && play());
  media.addEventListener("blur", () => hovers() && rest());

  function draw() {
    if (drawn) return;
    drawn = true;
    fill(element, media, chips, pick, foot);
    show();
  }

  /** @param {any} cell @param {Look} look */
  function update(cell, look) {
    now = cell;
    seen = look;
    element.dataset.status = cell.status ?? (cell.error ? "failed" : "planned");
    element.toggleAttribute("data-removed", Boolean(cell.removed));
    if (drawn) show();
  }

  function show() {
    if (!now || !seen) return;
    const key = JSON.stringify([now, seen.metric, seen.scale?.low, seen.scale?.high, seen.scale?.count, Object.keys(seen.meanings).length]);
    if (key === shown) return;
    shown = key;
    const target = now.job ? seen.page(`/runs?job=${now.job}`) : null;
    if (target) media.setAttribute("href", target);
    else media.removeAttribute("href");
    if (seen.tab && target) Object.assign(media, { target: "_blank", rel: "noopener" });
    media.setAttribute("aria-label", `${words}: ${stateWords(now)}`);
    pick.hidden = !seen.picks || !now.job;
    drawMedia();
    fill(chips, now.cached ? h("span", { class: "wb-chip", title: "All of its nodes had been computed before." }, "from cache") : null, now.removed ? h("span", { class: "wb-chip", title: "The sweep no longer asks for it." }, "taken out") : null);
    drawFoot(seen);
  }

  function drawMedia() {
    const picture = now.picture ?? now.video ?? "";
    const key = picture ? `${picture} ${isFinal(now.status) ? "" : now.progress}` : JSON.stringify([now.status, now.progress, now.error]);
    if (pictured === key) return;
    const same = picture && pictured.split(" ")[0] === picture;
    pictured = key;
    const bar = now.status === "running" ? h("progress", { class: "wb-bar", max: 1, value: now.progress, "aria-label": "Progress" }) : null;
    if (same) {
      media.querySelector("progress")?.remove();
      if (bar) media.append(bar);
      return;
    }
    rest();
    if (picture) {
      const image = h("img", { alt: "", decoding: "async", onload: () => image.naturalHeight && shaped(image.naturalWidth / image.naturalHeight) });
      setThumbnailUrl(image, "src", picture, SIDE_PX);
      fill(media, image, now.video ? h("span", { class: "wb-cell-play" }, icon("play")) : null, bar);
    } else fill(media, h("span", { class: "wb-cell-words" }, h("strong", {}, stateWords(now)), now.error ? h("span", { class: "wb-cell-error", title: now.error }, sentence(now.error)) : null), bar);
  }

  /** @param {Look} look */
  function drawFoot({ metric, meanings, scale }) {
    const metrics = now.metrics ?? {};
    const value = metric ? metrics[metric] : undefined;
    const names = metric ? [metric] : Object.keys(metrics).slice(0, MOST_METRICS);
    const line = (/** @type {string} */ name) => h("span", { class: "wb-cell-metric", title: meanings[name]?.meaning ?? name }, h("span", {}, metricWords(name.split(".").slice(1).join(".") || name)), h("strong", {}, metrics[name] === undefined ? "–" : metric ? metricValue(metrics[name], meanings[name]) : formatNumber(metrics[name])));
    fill(foot, caption ? h("span", { class: "wb-cell-caption" }, caption) : null, names.map(line), value !== undefined && scale?.best(value) ? h("span", { class: "wb-cell-best" }, "best") : null);
    const share = value !== undefined && scale && scale.count > 1 ? scale.share(value) : null;
    element.toggleAttribute("data-scaled", share !== null);
    if (share === null) element.style.removeProperty("--wb-share");
    else element.style.setProperty("--wb-share", share.toFixed(3));
  }

  function play() {
    if (player || !now?.video || !drawn) return;
    const video = h("video", { muted: true, loop: true, playsInline: true, preload: "auto", tabindex: "-1", "aria-hidden": "true" });
    video.muted = true;
    player = video;
    video.addEventListener("playing", () => video.classList.add("shown"), { once: true }); // the thumbnail stays until then
    setFileUrl(video, "src", now.video);
    media.append(video);
    video.play().catch(() => null);
  }

  function rest() {
    if (!player) return;
    player.pause();
    player.removeAttribute("src");
    player.load(); // releases its decoder
    player.remove();
    player = null;
  }

  return {
    element,
    draw,
    update,
    play,
    rest,
    /** @param {boolean} on */
    mark(on) {
      box.checked = on;
      element.toggleAttribute("data-picked", on);
    },
  };
}

/** @param {any} cell */
function stateWords({ status, progress, error }) {
  if (!status) return error ? "Not submitted" : "Planned";
  return status === "running" ? `Running, ${Math.round(100 * progress)} %` : (status === "accepted" ? "Queued" : STATUS_WORDS[status] ?? status);
}
