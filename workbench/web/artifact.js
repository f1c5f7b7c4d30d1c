// @ts-check
// Views of artifacts: players for video and audio, images, and readable text and JSON.

import { ask, embedded, readText, setUrl } from "./api.js";
import { bytes, fill, formatNumber, h, icon, linkButton, s } from "./dom.js";

const FILE = "GET /api/artifacts/{sha256}";
const THUMBNAIL = "GET /api/artifacts/{sha256}/thumbnail";

/** The address of an artifact. Only valid on a page, not in a notebook. */
export const artifactUrl = (sha256) => `/api/artifacts/${sha256}`;

/** Make an element show a file, or its thumbnail. */
export const setFileUrl = (element, attribute, sha256, again = false) => setUrl(element, attribute, FILE, { sha256 }, again);
export const setThumbnailUrl = (element, attribute, sha256, size = 320) => setUrl(element, attribute, THUMBNAIL, { sha256, size });

/** Make a link download a file. */
export const setDownloadUrl = (link, sha256) => setUrl(link, "href", FILE, { sha256, download: 1 });

const TEXT_LIMIT = 200_000;

/** A view of a reference. Loads large content only on demand. */
export function artifact(ref, { title = "", autoplay = false } = {}) {
  const shown = (VIEWS[ref.kind] ?? file)(ref, { autoplay });
  return h(
    "figure",
    { class: "wb-artifact", "data-kind": ref.kind },
    shown,
    h(
      "figcaption",
      {},
      title ? h("span", { class: "wb-artifact-title" }, title) : null,
      h("span", { class: "wb-muted" }, facts(ref)),
      setDownloadUrl(h("a", { class: "wb-quiet-link", download: "", "aria-label": `Download ${title || ref.name || ref.kind}` }, icon("download")), ref.sha256),
    ),
  );
}

/** The properties of an artifact in one line. */
export function facts(ref) {
  const parts = [];
  if (ref.width && ref.height) parts.push(`${ref.width} × ${ref.height}`);
  if (ref.fps) parts.push(`${formatNumber(ref.fps)} fps`);
  if (ref.durationS ?? ref.duration_s) parts.push(`${(ref.durationS ?? ref.duration_s).toFixed(1)} s`);
  if (ref.sampleRateHz ?? ref.sample_rate_hz) parts.push(`${(ref.sampleRateHz ?? ref.sample_rate_hz) / 1000} kHz`);
  const size = ref.sizeBytes ?? ref.size_bytes;
  if (size) parts.push(bytes(size));
  return parts.join(" · ");
}

/** Links expire after some minutes. A player with an expired link loads a new one and continues at the same position. */
function renewed(player, sha256) {
  let asked = 0;
  player.addEventListener("error", () => {
    if ((player.currentTime === 0 && !embedded()) || Date.now() - asked < 10_000) return;
    asked = Date.now();
    const at = player.currentTime;
    player.addEventListener("loadedmetadata", () => ((player.currentTime = at), player.play().catch(() => {})), { once: true });
    setFileUrl(player, "src", sha256, true);
    player.load();
  });
  return setFileUrl(player, "src", sha256);
}

/** Keeps a place of the right shape before a picture or a video has loaded. */
export const shapeOf = ({ width, height }) => (width && height ? `--wb-aspect: ${(width / height).toFixed(4)}` : "");

function video(ref, { autoplay }) {
  const player = h("video", {
    class: "wb-video",
    controls: true,
    controlsList: "nodownload", // the link below delivers the signed file; the player has the stored bytes
    preload: autoplay ? "auto" : "none",
    playsInline: true,
    loop: false,
    style: shapeOf(ref),
  });
  setThumbnailUrl(player, "poster", ref.sha256);
  return renewed(player, ref.sha256);
}

function audio(ref) {
  const player = renewed(h("audio", { controls: true, controlsList: "nodownload", preload: "none", "aria-label": ref.name ?? "Audio" }), ref.sha256);
  return h("div", { class: "wb-sound" }, waveform(ref, player), player);
}

function image(ref) {
  const picture = h("img", { alt: ref.name ?? "image", loading: "lazy", style: shapeOf(ref) });
  return setFileUrl(h("a", { target: "_blank", rel: "noopener" }, setFileUrl(picture, "src", ref.sha256)), "href", ref.sha256);
}

function text(ref) {
  const size = ref.sizeBytes ?? ref.size_bytes ?? 0;
  const shown = h("pre", { class: "wb-text" }, "…");
  if (size > TEXT_LIMIT) return fill(shown, `${bytes(size)}: too large to show here. Download it.`);
  readText(ref.sha256)
    .then((content) => fill(shown, ref.kind === "json" ? pretty(content) : content))
    .catch(() => fill(shown, "The text cannot be loaded now."));
  return shown;
}

function pretty(content) {
  try {
    return JSON.stringify(JSON.parse(content), null, 2);
  } catch {
    return content;
  }
}

function file(ref) {
  return setDownloadUrl(linkButton(ref.name ?? "Download", null, { icon: "download" }), ref.sha256);
}

const VIEWS = { video, audio, image, text, json: text, file };

/** The waveform; a click seeks. The deployment computes it when it scrolls into view. */
function waveform(ref, player) {
  const WIDTH = 600;
  const HEIGHT = 56;
  const cursor = s("line", { x1: 0, x2: 0, y1: 0, y2: HEIGHT, class: "wb-wave-cursor" });
  const shape = s("path", { class: "wb-wave" });
  const drawing = s("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", class: "wb-waveform", "aria-hidden": "true" }, shape, cursor);
  drawing.addEventListener("click", (event) => {
    const box = drawing.getBoundingClientRect();
    if (player.duration) player.currentTime = ((event.clientX - box.left) / box.width) * player.duration;
    player.play().catch(() => {});
  });
  player.addEventListener("timeupdate", () => {
    const x = player.duration ? (player.currentTime / player.duration) * WIDTH : 0;
    cursor.setAttribute("x1", String(x));
    cursor.setAttribute("x2", String(x));
  });
  new IntersectionObserver(async (entries, observer) => {
    if (!entries.some((entry) => entry.isIntersecting)) return;
    observer.disconnect();
    try {
      const { peaks } = await ask("GET /api/artifacts/{sha256}/waveform", { sha256: ref.sha256, points: WIDTH });
      const reach = (peak) => Math.max(0.6, peak * (HEIGHT / 2 - 2));
      const top = peaks.map((peak, x) => `${x ? "L" : "M"}${x} ${HEIGHT / 2 - reach(peak)}`);
      const bottom = peaks.map((peak, x) => `L${x} ${HEIGHT / 2 + reach(peak)}`).reverse();
      shape.setAttribute("d", `${top.join("")}${bottom.join("")}Z`);
    } catch {
      shape.setAttribute("d", `M0 ${HEIGHT / 2}H${WIDTH}`); // playback does not need the waveform
    }
  }).observe(drawing);
  return drawing;
}

/** All inputs and outputs of a job: [{node, role, name, ref}]. */
export async function artifactsOf(jobId) {
  return (await ask("GET /api/jobs/{job_id}/artifacts", { job_id: jobId })).artifacts;
}
