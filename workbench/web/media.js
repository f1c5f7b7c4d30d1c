// What was taken in: the portrait with the found face drawn on it, a sound with its player; warnings with the remedy.
// The value is {ref, faces, warnings} or null; "Replace" clears it.

import { artifact, artifactUrl, facts } from "./artifact.js";
import { button, fill, h, problem, s, sentence } from "./dom.js";

export function mount(element, { props, trigger, watch }) {
  const draw = () => {
    const value = props.value;
    if (value?.error) fill(element, problem(value.error));
    else if (!value?.ref) fill(element);
    else fill(element, h("div", { class: "wb-media" }, value.ref.kind === "image" ? portrait(value) : sound(value), warnings(value.warnings ?? []), actions()));
  };
  const actions = () =>
    h(
      "div",
      { class: "wb-actions" },
      button("Replace", {
        kind: "quiet",
        icon: "again",
        onclick: () => {
          props.value = null;
          trigger("clear");
          draw();
        },
      }),
    );
  watch("value", draw);
  draw();
}

function portrait({ ref, faces = [] }) {
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
      s("svg", { viewBox: `0 0 ${width} ${height}`, "aria-hidden": "true" }, faces.map((face, index) => s("path", { d: corners(face), class: index ? "wb-face wb-face-other" : "wb-face", "stroke-width": stroke }))),
    ),
    h("p", { class: "wb-muted" }, faceWords(faces), facts(ref) ? ` · ${facts(ref)}` : ""),
  );
}

function faceWords(faces) {
  if (!faces.length) return "no face found";
  const size = Math.round(Math.max(faces[0].right - faces[0].left, faces[0].bottom - faces[0].top));
  return faces.length === 1 ? `face of ${size} px found` : `${faces.length} faces found; the largest (${size} px) is used`;
}

function sound({ ref }) {
  return artifact(ref, { title: ref.name ?? "Recording" });
}

function warnings(list) {
  if (!list.length) return null;
  return h(
    "ul",
    { class: "wb-warnings" },
    list.map((one) => h("li", {}, h("strong", {}, sentence(one.message)), one.remedy ? ` ${one.remedy}` : "")),
  );
}
