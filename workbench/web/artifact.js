// Artifacts as a person wants them: videos and sounds play, pictures show, text and JSON can be read.

import { get, place } from "./api.js";
import { bytes, fill, figure, h, icon, linkButton, s } from "./dom.js";

export const artifactUrl = (sha256) => `${place.base}/api/artifacts/${sha256}`;
export const downloadUrl = (sha256) => `${artifactUrl(sha256)}?download=1`;
export const thumbnailUrl = (sha256, size = 320) => `${artifactUrl(sha256)}/thumbnail?size=${size}`;

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
      h("a", { class: "wb-quiet-link", href: downloadUrl(ref.sha256), download: "", "aria-label": `Download ${title || ref.name || ref.kind}` }, icon("download")),
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
function renewed(player, url) {
  let asked = 0;
  player.addEventListener("error", () => {
    if (player.currentTime === 0 || Date.now() - asked < 10_000) return;
    asked = Date.now();
    const at = player.currentTime;
    player.src = url;
    player.currentTime = at;
    player.play().catch(() => {});
  });
  return player;
}

function video(ref, { autoplay }) {
  const player = h("video", {
    class: "wb-video",
    src: artifactUrl(ref.sha256),
    poster: thumbnailUrl(ref.sha256),
    controls: true,
    preload: autoplay ? "auto" : "none",
    playsInline: true,
    loop: false,
    style: ref.width && ref.height ? `aspect-ratio: ${ref.width} / ${ref.height}` : "",
  });
  return renewed(player, artifactUrl(ref.sha256));
}

function audio(ref) {
  const player = renewed(h("audio", { src: artifactUrl(ref.sha256), controls: true, preload: "none" }), artifactUrl(ref.sha256));
  return h("div", { class: "wb-sound" }, waveform(ref, player), player);
}

function image(ref) {
  return h("a", { href: artifactUrl(ref.sha256), target: "_blank", rel: "noopener" }, h("img", { src: artifactUrl(ref.sha256), alt: ref.name ?? "picture", loading: "lazy" }));
}

function text(ref) {
  const size = ref.sizeBytes ?? ref.size_bytes ?? 0;
  const shown = h("pre", { class: "wb-text" }, "…");
  if (size > TEXT_LIMIT) return fill(shown, `${bytes(size)}: too long to show here. Download it.`);
  fetch(artifactUrl(ref.sha256))
    .then((answer) => answer.text())
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
  return linkButton(ref.name ?? "Download", downloadUrl(ref.sha256), { icon: "download" });
}

const VIEWS = { video, audio, image, text, json: text, file };

/** The course of loudness; click to go there. Decoded in the browser when it comes into view, from at most 8 MB. */
function waveform(ref, player) {
  const WIDTH = 600;
  const HEIGHT = 56;
  const cursor = s("line", { x1: 0, x2: 0, y1: 0, y2: HEIGHT, class: "wb-wave-cursor" });
  const shape = s("path", { class: "wb-wave" });
  const drawing = s("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", class: "wb-waveform", "aria-hidden": "true" }, shape, cursor);
  drawing.addEventListener("click", (event) => {
    const box = drawing.getBoundingClientRect();
    if (player.duration) player.currentTime = ((event.clientX - box.left) / box.width) * player.duration;
    player.play();
  });
  player.addEventListener("timeupdate", () => {
    const x = player.duration ? (player.currentTime / player.duration) * WIDTH : 0;
    cursor.setAttribute("x1", x);
    cursor.setAttribute("x2", x);
  });
  const size = ref.sizeBytes ?? ref.size_bytes ?? 0;
  if (size && size < 8_000_000) {
    new IntersectionObserver(async (entries, observer) => {
      if (!entries.some((entry) => entry.isIntersecting)) return;
      observer.disconnect();
      try {
        const bytesOf = await (await fetch(artifactUrl(ref.sha256))).arrayBuffer();
        const context = new OfflineAudioContext(1, 1, 8000);
        const sound = (await context.decodeAudioData(bytesOf)).getChannelData(0);
        const step = Math.max(1, Math.floor(sound.length / WIDTH));
        let top = "";
        let bottom = "";
        for (let x = 0; x < WIDTH; x += 1) {
          let peak = 0;
          for (let i = x * step; i < Math.min(sound.length, (x + 1) * step); i += 1) peak = Math.max(peak, Math.abs(sound[i]));
          const reach = Math.max(0.6, peak * (HEIGHT / 2 - 2));
          top += `${x ? "L" : "M"}${x} ${HEIGHT / 2 - reach}`;
          bottom = `L${x} ${HEIGHT / 2 + reach}${bottom}`;
        }
        shape.setAttribute("d", `${top}${bottom}Z`);
      } catch {
        shape.setAttribute("d", `M0 ${HEIGHT / 2}H${WIDTH}`); // it plays all the same
      }
    }).observe(drawing);
  } else shape.setAttribute("d", `M0 ${HEIGHT / 2}H${WIDTH}`);
  return drawing;
}

/** Everything a job took in and made: [{node, role, name, ref}]. */
export async function artifactsOf(jobId) {
  return (await get(`/api/jobs/${jobId}/artifacts`)).artifacts;
}
