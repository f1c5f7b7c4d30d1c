// @ts-check
// Artifacts as a person wants them: videos and sounds play, pictures show, text and JSON can be read.

import { ask, embedded, lead, readText } from "./api.js";
import { bytes, fill, figure, h, icon, linkButton, s } from "./dom.js";

const FILE = "GET /api/artifacts/{sha256}";
const THUMBNAIL = "GET /api/artifacts/{sha256}/thumbnail";

/** Of a page alone: the address of an artifact. */
export const artifactUrl = (sha256) => `/api/artifacts/${sha256}`;

/** Have an element show a file, or a small picture of it. */
export const leadToFile = (element, attribute, sha256, again = false) => lead(element, attribute, FILE, { sha256 }, again);
export const leadToThumbnail = (element, attribute, sha256, size = 320) => lead(element, attribute, THUMBNAIL, { sha256, size });

/** Have a link save a file. */
export const leadToDownload = (link, sha256) => lead(link, "href", FILE, { sha256, download: 1 });

const TEXT_LIMIT = 200_000;

/** A view of a reference; nothing heavy is loaded before it is wanted. */
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
      leadToDownload(h("a", { class: "wb-quiet-link", download: "", "aria-label": `Download ${title || ref.name || ref.kind}` }, icon("download")), ref.sha256),
    ),
  );
}

/** What is known of the bytes, in a line. */
export function facts(ref) {
  const parts = [];
  if (ref.width && ref.height) parts.push(`${ref.width} × ${ref.height}`);
  if (ref.fps) parts.push(`${figure(ref.fps)} fps`);
  if (ref.durationS ?? ref.duration_s) parts.push(`${(ref.durationS ?? ref.duration_s).toFixed(1)} s`);
  if (ref.sampleRateHz ?? ref.sample_rate_hz) parts.push(`${(ref.sampleRateHz ?? ref.sample_rate_hz) / 1000} kHz`);
  const size = ref.sizeBytes ?? ref.size_bytes;
  if (size) parts.push(bytes(size));
  return parts.join(" · ");
}

/** Links expire after some minutes: a player that was open for longer asks for a new one, and goes on where it was. */
function renewed(player, sha256) {
  let asked = 0;
  player.addEventListener("error", () => {
    if ((player.currentTime === 0 && !embedded()) || Date.now() - asked < 10_000) return;
    asked = Date.now();
    const at = player.currentTime;
    player.addEventListener("loadedmetadata", () => ((player.currentTime = at), player.play().catch(() => {})), { once: true });
    leadToFile(player, "src", sha256, true);
    player.load();
  });
  return leadToFile(player, "src", sha256);
}

function video(ref, { autoplay }) {
  const player = h("video", {
    class: "wb-video",
    controls: true,
    preload: autoplay ? "auto" : "none",
    playsInline: true,
    loop: false,
    style: ref.width && ref.height ? `aspect-ratio: ${ref.width} / ${ref.height}` : "",
  });
  leadToThumbnail(player, "poster", ref.sha256);
  return renewed(player, ref.sha256);
}

function audio(ref) {
  const player = renewed(h("audio", { controls: true, preload: "none", "aria-label": ref.name ?? "Sound" }), ref.sha256);
  return h("div", { class: "wb-sound" }, waveform(ref, player), player);
}

function image(ref) {
  const picture = h("img", { alt: ref.name ?? "picture", loading: "lazy" });
  return leadToFile(h("a", { target: "_blank", rel: "noopener" }, leadToFile(picture, "src", ref.sha256)), "href", ref.sha256);
}

function text(ref) {
  const size = ref.sizeBytes ?? ref.size_bytes ?? 0;
  const shown = h("pre", { class: "wb-text" }, "…");
  if (size > TEXT_LIMIT) return fill(shown, `${bytes(size)}: too long to show here. Download it.`);
  readText(ref.sha256)
    .then((content) => fill(shown, ref.kind === "json" ? pretty(content) : content))
    .catch(() => fill(shown, "It cannot be read now."));
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
  return leadToDownload(linkButton(ref.name ?? "Download", null, { icon: "download" }), ref.sha256);
}

const VIEWS = { video, audio, image, text, json: text, file };

/** The course of loudness; click to go there. Measured by the deployment when it comes into view. */
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
      shape.setAttribute("d", `M0 ${HEIGHT / 2}H${WIDTH}`); // it plays all the same
    }
  }).observe(drawing);
  return drawing;
}

/** Everything a job took in and made: [{node, role, name, ref}]. */
export async function artifactsOf(jobId) {
  return (await ask("GET /api/jobs/{job_id}/artifacts", { job_id: jobId })).artifacts;
}
