// @ts-check
// The file of an input: the portrait with the detected faces, an audio player, the images of a zip, or what a LoRA says of
// itself, and warnings with remedies. Without a file: the user's earlier files, and trained LoRAs by name. The value is {ref, faces, warnings}, {error} or null. "Replace" clears it. An earlier
// file sets {again: digest} and triggers select; another file triggers input. `kind` is image, audio, portraits or lora, `field` the input.

import { artifact, artifactUrl, facts } from "./artifact.js";
import { button, fill, h, problem, s } from "./dom.js";
import { askRemoval, showEarlierFiles } from "./earlier_files.js";
import { formState } from "./form_state.js";
import { describeLora, showTrained } from "./loras.js";
import { pipelines } from "./pipelines.js";
import { fileWarnings } from "./warnings.js";

export function mount(element, { props, trigger, watch, kind, field, title }) {
  const messages = h("div", { "aria-live": "polite" });
  const main = h("div", {});
  const trained = h("div", {}); // a choice of LoRAs
  const before = h("div", {});
  fill(element, messages, main, trained, before);
  let refused = "";
  let digest = null;
  let shown = "";
  const draw = () => {
    const value = props.value;
    const sha256 = value?.ref?.sha256 ?? null;
    if (sha256) refused = "";
    fill(messages, value?.error ? problem(value.error) : refused ? problem(asProblem(refused)) : null);
    const key = sha256 ? JSON.stringify(value) : "";
    if (key !== shown) fill(main, sha256 ? h("div", { class: "wb-media" }, (SHOWN[kind] ?? sound)(value, title), fileWarnings(value.warnings ?? []), actions(value)) : null);
    shown = key; // so that a new list of pipelines does not remove the focus or an open question
    before.hidden = trained.hidden = Boolean(sha256 || pipelines.current?.inputs.every((input) => input.name !== field));
    if (!sha256 && (digest || !before.childElementCount)) offer();
    if (sha256 !== digest) {
      digest = sha256;
      formState.setFile(field, sha256 && { sha256, name: value.ref.name ?? "" });
      trigger("input");
    }
  };
  const clear = () => {
    props.value = null;
    trigger("clear");
    draw();
  };
  const actions = ({ ref, sample }) => {
    const below = h("div", {});
    const remove = button("Remove…", { kind: "quiet", icon: "trash", onclick: () => askRemoval(below, ref, kind, { gone: clear, kept: () => (fill(below), remove.focus()) }) });
    return [h("div", { class: "wb-actions" }, button("Replace", { kind: "quiet", icon: "again", onclick: clear }), sample ? null : remove), below];
  };

  /** Offer the user's earlier files. Loads them when the field becomes visible, and each time it is empty again. */
  /** @type {IntersectionObserver | null} */
  let asked = null;
  function offer() {
    asked?.disconnect();
    asked = new IntersectionObserver((entries, observer) => {
      if (!entries.some((entry) => entry.isIntersecting)) return;
      observer.disconnect();
      showEarlierFiles(before, { kind, take });
      if (kind === "lora") showTrained(trained, { take });
    });
    if (!before.childElementCount) fill(before, h("span", { class: "wb-earlier-place" }));
    asked.observe(before);
  }

  function take(sha256) {
    for (const one of before.querySelectorAll("button")) one.disabled = true;
    for (const one of trained.querySelectorAll("select")) one.disabled = true;
    refused = "";
    props.value = { again: sha256 };
    trigger("select");
  }

  formState.takers.set(field, take);
  watch("value", draw);
  pipelines.addEventListener("choose", draw);
  pipelines.addEventListener("change", draw);
  onRefusal(field, (text) => {
    refused = text;
    if (!props.value?.ref) draw();
  });
  draw();
}

/**
 * Calls `listener(text)` for the refused upload of a field that `gradio_files.js` has collected and for every later one, and
 * with "" when another upload starts.
 */
function onRefusal(field, listener) {
  const report = () => listener(window.wbUploadRefusals[field]);
  window.addEventListener("wb-refused", (event) => {
    if (/** @type {CustomEvent<string>} */ (event).detail === field) report();
  });
  if (window.wbUploadRefusals[field]) report();
}

/** The first sentence is the message; the rest is the remedy. */
function asProblem(text) {
  const [message, ...remedy] = text.split(/(?<=\.) /);
  return { message, details: { remedy: remedy.join(" ") } };
}

function portrait({ ref, faces }) {
  const width = ref.width ?? 1;
  const height = ref.height ?? 1;
  const stroke = Math.max(width, height) / 160;
  const corners = (face) => {
    const w = face.right - face.left;
    const t = face.bottom - face.top;
    const l = Math.min(w, t) / 4;
    return `M${face.left} ${face.top + l}v${-l}h${l}M${face.right - l} ${face.top}h${l}v${l}M${face.right} ${face.bottom - l}v${l}h${-l}M${face.left + l} ${face.bottom}h${-l}v${-l}`;
  };
  return h(
    "div",
    { class: "wb-portrait" },
    h(
      "div",
      { class: "wb-portrait-picture", style: `aspect-ratio: ${width} / ${height}` },
      h("img", { src: artifactUrl(ref.sha256), alt: "The portrait" }),
      s("svg", { viewBox: `0 0 ${width} ${height}`, "aria-hidden": "true" }, (faces ?? []).map((face, index) => s("path", { d: corners(face), class: index ? "wb-face wb-face-other" : "wb-face", "stroke-width": stroke }))),
    ),
    h("p", { class: "wb-muted" }, [faces ? faceWords(faces) : "", facts(ref)].filter(Boolean).join(" · ")),
  );
}

/** The title of the field, whose label is hidden with the place for a file. */
const named = (title, ref) => h("div", {}, h("span", { class: "wb-muted" }, `${title}: `), h("strong", {}, ref.name ?? "a file"));

function images({ ref, facts: found }, title) {
  const list = found?.images ?? [];
  const count = (words, some) => (some.length ? `${some.length} ${words}` : "");
  const words = [list.length ? `${list.length} ${list.length === 1 ? "image" : "images"}` : "", count("with one face", list.filter((one) => one.faces === 1)), count("with a caption", list.filter((one) => one.caption)), facts(ref)];
  const row = (one) => h("tr", {}, h("th", { scope: "row" }, one.given || one.name), h("td", {}, `${one.width} × ${one.height}`), h("td", {}, one.faces ?? "—"), h("td", {}, one.caption ? "yes" : "no"));
  const table = h("table", { class: "wb-table" }, h("caption", { class: "wb-sr" }, "The images"), h("thead", {}, h("tr", {}, ["image", "pixels", "faces", "caption"].map((one) => h("th", { scope: "col" }, one)))), h("tbody", {}, list.map(row)));
  return h("div", { class: "wb-given-file" }, named(title, ref), h("span", { class: "wb-muted" }, words.filter(Boolean).join(" · ")), list.length ? h("details", {}, h("summary", {}, "Images"), h("div", { class: "wb-table-frame wb-images" }, table)) : null);
}

function lora(value, title) {
  const said = h("div", {});
  describeLora(said, value);
  return h("div", { class: "wb-given-file" }, named(title, value.ref), h("span", { class: "wb-muted" }, facts(value.ref)), said);
}

function faceWords(faces) {
  if (!faces.length) return "no face found";
  const size = Math.round(Math.max(faces[0].right - faces[0].left, faces[0].bottom - faces[0].top));
  return faces.length === 1 ? `face of ${size} px found` : `${faces.length} faces found; the largest (${size} px) is used`;
}

function sound({ ref }) {
  return artifact(ref, { title: ref.name ?? "Recording" });
}

const SHOWN = { image: portrait, audio: sound, portraits: images, lora };
