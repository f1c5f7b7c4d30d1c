// @ts-check
// Chooses files for a sweep: from this computer, the packaged sample, or the user's earlier files.

import { ask, embedded } from "./api.js";
import { setThumbnailUrl } from "./artifact.js";
import { button, fill, h, problem } from "./dom.js";

const ACCEPTED = /** @type {Record<string, string>} */ ({ image: "image/*", audio: "audio/*,video/*", video: "video/*", portraits: ".zip", lora: ".safetensors" });
const EARLIER = 24;

/** Names of digests that were chosen on this page. @type {Map<string, string>} */
const names = new Map();
export const fileName = (/** @type {string} */ value) => names.get(value) ?? (value.length === 64 ? `${value.slice(0, 10)}…` : value);

/**
 * Buttons that choose one or several files. Calls `take(value, label)` for each.
 * @param {{input: any, several: boolean, upload: (file: File, kind: string, told?: any) => Promise<any>, take: (value: string, label: string) => void}} options
 */
export function fileChooser({ input, several, upload, take }) {
  const kind = input.holds || input.kind;
  const messages = h("div", { role: "status" });
  const taken = (/** @type {string} */ value, /** @type {string} */ label) => {
    names.set(value, label);
    take(value, label);
  };
  const chosen = h("input", { type: "file", accept: ACCEPTED[kind], multiple: several, hidden: true, "aria-label": `${input.title} from this computer`, onchange: send });
  async function send() {
    const files = [...(chosen.files ?? [])];
    chosen.value = "";
    const faults = [];
    for (const [at, file] of files.entries()) {
      messages.textContent = files.length > 1 ? `${at + 1} of ${files.length}: ${file.name}` : `${file.name} …`;
      try {
        const { ref } = await upload(file, kind, () => {});
        taken(ref.sha256, file.name.replace(/\.\w+$/, ""));
      } catch (/** @type {any} */ error) {
        faults.push({ ...error, message: `${file.name}: ${error.message}`, details: error.details });
      }
    }
    fill(messages, faults.map((one) => problem(one, { compact: true })));
  }
  async function sample() {
    if (embedded()) return taken("sample", "sample"); // the kernel stores it
    try {
      const { ref } = await ask("POST /api/uploads/sample");
      taken(ref.sha256, "sample");
    } catch (/** @type {any} */ error) {
      fill(messages, problem(error, { compact: true }));
    }
    return undefined;
  }
  const earlier = h("select", { class: "wb-select", hidden: true, "aria-label": `Earlier files for ${input.title}`, onchange: () => (earlier.value && taken(earlier.value, earlier.selectedOptions[0].text), (earlier.value = "")) });
  ask("GET /api/uploads", { kind, limit: EARLIER })
    .then(({ uploads }) => {
      fill(earlier, h("option", { value: "" }, "Earlier files…"), uploads.map((/** @type {any} */ one) => h("option", { value: one.ref.sha256 }, one.ref.name || one.ref.sha256.slice(0, 10))));
      for (const one of uploads) if (one.ref.name && !names.has(one.ref.sha256)) names.set(one.ref.sha256, one.ref.name);
      earlier.hidden = !uploads.length;
    })
    .catch(() => null); // a notebook does not list them
  return h("div", { class: "wb-file-chooser" }, h("div", { class: "wb-actions" }, button(several ? "Add files" : "Choose a file", { onclick: () => chosen.click() }), input.sample ? button("Sample", { kind: "quiet", onclick: sample }) : null, earlier, chosen), messages);
}

/** A chosen file with its image, and a button that takes it out. @param {any} input @param {string} value @param {string} label @param {() => void} remove */
export function fileChip(input, value, label, remove) {
  const picture = input.kind === "image" && value.length === 64 ? setThumbnailUrl(h("img", { alt: "", loading: "lazy" }), "src", value, 160) : null;
  return h("span", { class: "wb-file-chip" }, picture, h("span", {}, label || fileName(value)), h("button", { type: "button", class: "wb-chip-remove", "aria-label": `Remove ${label || fileName(value)}`, onclick: remove }, "×"));
}
