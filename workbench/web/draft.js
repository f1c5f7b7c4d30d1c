// @ts-check
// The draft of the form: kept in this browser, and restored after a reload. The consent is not part of it. Files are kept by
// their digests. From the server: {key} (of the user and the home), later {key, lost: names of files that are gone}. To the
// server: {key, draft}, with a select event. Without storage the page works, and forgets the draft.

import { button, fill, h } from "./dom.js";
import { formState } from "./form_state.js";
import { listenToPaste } from "./paste.js";

const QUIET_MS = 300;
const PREFIX = "wb-draft-";

/**
 * @typedef {{pipeline: string, texts: Record<string, string>, checks: Record<string, boolean>, choices: Record<string, string>,
 *   files: Record<string, {sha256: string, name: string}>, parameters: Record<string, any>}} Draft
 */

export function mount(element, { props, trigger, watch }) {
  let key = "";
  let restoring = false;
  /** @type {Draft | null} */
  let kept = null;
  /** @type {Map<string, string>} texts that the user typed before the server has filled in the draft */
  const typed = new Map();
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;

  const keep = () => {
    clearTimeout(timer);
    if (!key || restoring) return;
    kept = read(document, formState, kept);
    write(key, kept);
  };
  const later = () => {
    clearTimeout(timer);
    timer = setTimeout(keep, QUIET_MS);
  };
  for (const type of ["input", "change", "click"]) document.addEventListener(type, later);
  document.addEventListener("input", (event) => {
    const field = event.target;
    if (field instanceof HTMLTextAreaElement && restoring && fieldOf(field)) typed.set(fieldOf(field), field.value);
  });
  formState.addEventListener("change", later);
  window.addEventListener("pagehide", keep);

  function show() {
    const value = props.value ?? {};
    if (!value.key) return;
    if (value.lost) return void restored(value.lost);
    if (key) return;
    key = value.key;
    const draft = load(key);
    if (!draft || value.fresh) return;
    restoring = true;
    kept = draft;
    props.value = { key, draft };
    trigger("select");
  }

  function restored(/** @type {string[]} */ lost) {
    restoring = false;
    for (const [id, text] of typed) {
      const field = /** @type {HTMLTextAreaElement | null} */ (document.querySelector(`#${CSS.escape(id)} textarea`));
      if (!field || field.value === text) continue;
      field.value = text;
      field.dispatchEvent(new Event("input", { bubbles: true }));
    }
    typed.clear();
    const again = button("Start over", { kind: "quiet", onclick: startOver });
    fill(element, h("p", { class: "wb-draft", role: "status" }, lost.length ? h("span", { "data-tone": "warn" }, `Your draft is restored, but ${lost.join(" and ")} ${lost.length === 1 ? "is" : "are"} no longer stored.`) : h("span", { class: "wb-muted" }, "Your draft is restored."), again));
  }

  function startOver() {
    const old = key;
    key = ""; // leaving the page does not keep it again
    write(old, null);
    window.location.assign("/");
  }

  watch("value", show);
  show();
  listenToPaste(); // this part is on the page once
}

/** @param {Element} field */
const fieldOf = (field) => field.closest("[id^='field-']")?.id ?? "";

/**
 * What the form contains now. Fields that are not on the page now, such as those of another choice, keep what they had.
 * @param {ParentNode} page
 * @param {import("./form_state.js").FormState} state
 * @param {Draft | null} before
 * @returns {Draft}
 */
function read(page, state, before) {
  /** @type {Draft} */
  const draft = { pipeline: state.pipeline, texts: { ...before?.texts }, checks: { ...before?.checks }, choices: { ...before?.choices }, files: { ...state.files }, parameters: state.parameters };
  for (const field of /** @type {NodeListOf<HTMLInputElement | HTMLTextAreaElement>} */ (page.querySelectorAll("[id^='field-'] textarea, [id^='field-'] input, #lock input"))) {
    const id = fieldOf(field) || "lock";
    if (id === "field-consent" || id === "field-parameters" || id === "field-pipeline" || field.type === "file" || field.closest("[id$='-source'], [id$='-taken']")) continue;
    if (field.type === "checkbox") draft.checks[id] = /** @type {HTMLInputElement} */ (field).checked;
    else if (field.type !== "radio") draft.texts[id] = field.value;
    else if (/** @type {HTMLInputElement} */ (field).checked) draft.choices[id] = field.value;
  }
  return draft;
}

/** @param {string} key @returns {Draft | null} */
function load(key) {
  try {
    return JSON.parse(window.localStorage.getItem(PREFIX + key) ?? "null");
  } catch {
    return null; // the storage is blocked, or holds something else
  }
}

/** @param {string} key @param {Draft | null} draft */
function write(key, draft) {
  try {
    if (draft) window.localStorage.setItem(PREFIX + key, JSON.stringify(draft));
    else window.localStorage.removeItem(PREFIX + key);
  } catch {
    // The storage is blocked or full: the form works, and the draft ends with the page.
  }
}
