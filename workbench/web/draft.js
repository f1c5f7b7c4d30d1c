// @ts-check
// The draft of the form: kept in this browser, and restored after a reload. The consent is not part of it. Files are kept by
// their digests. From the server: {key} (of the user and the home), later {key, lost: names of files that are gone}. To the
// server: {key, draft}, with a select event. Without storage the page works, and forgets the draft.

import { button, fill, h } from "./dom.js";
import { formState } from "./form_state.js";
import { listenToPaste } from "./paste.js";

const QUIET_MS = 300;
const PREFIX = "wb-draft-";
const FORM = "[id^='field-'], [id$='-source'], [id$='-taken'], #lock, .wb-card"; // where a click changes the draft

/**
 * @typedef {{pipeline: string, texts: Record<string, string>, checks: Record<string, boolean>, choices: Record<string, string>,
 *   files: Record<string, {sha256: string, name: string}>, parameters: Record<string, any>}} Draft
 */

export function mount(element, { props, trigger, watch }) {
  let key = "";
  let settled = false; // whether the draft is restored, or there is none
  let changed = false; // whether the user has changed something on this page
  /** @type {Draft | null} */
  let kept = null;
  /** What the user changed before the draft was restored; the draft does not overwrite it. @type {Map<string, {field: HTMLInputElement | HTMLTextAreaElement, text: string, checked: boolean}>} */
  const touched = new Map();
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;

  const keep = () => {
    clearTimeout(timer);
    if (!key || !settled || !changed) return;
    kept = read(document, formState, kept);
    write(key, kept);
  };
  const later = (/** @type {Event} */ event) => {
    const field = event.target;
    // Parameters are also set when the page opens; a user who changes one causes an event of the field as well.
    const byUser = field instanceof Element ? event.type !== "click" || field.closest(FORM) : settled && Object.keys(formState.files).length > 0;
    if (byUser) changed = true;
    if (!settled && event.type !== "click" && (field instanceof HTMLInputElement || field instanceof HTMLTextAreaElement) && idOf(field)) touched.set(idOf(field), { field, text: field.value, checked: field instanceof HTMLInputElement && field.checked });
    clearTimeout(timer);
    timer = setTimeout(keep, QUIET_MS);
  };
  for (const type of ["input", "change", "click"]) document.addEventListener(type, later);
  formState.addEventListener("change", later);
  window.addEventListener("pagehide", keep);

  function show() {
    const value = props.value ?? {};
    if (!value.key) return;
    if (value.lost) return void restored(value);
    if (key) return;
    key = value.key;
    const draft = value.fresh ? null : load(key);
    if (!draft) return void (settled = true);
    kept = overlaid(draft, read(document, formState, null));
    props.value = { key, draft: kept };
    trigger("select");
  }

  /** The draft with what the user has changed on this page already. @param {Draft} draft @param {Draft} now @returns {Draft} */
  function overlaid(draft, now) {
    for (const id of touched.keys()) for (const kind of /** @type {const} */ (["texts", "checks", "choices"])) if (id in now[kind]) Object.assign((draft[kind] ??= {}), { [id]: now[kind][id] });
    touched.clear(); // what is changed from now on comes after the draft
    return draft;
  }

  function restored(/** @type {{lost: string[], nothing?: boolean}} */ { lost, nothing }) {
    settled = true;
    for (const { field, text, checked } of touched.values()) {
      if (field instanceof HTMLInputElement && (field.type === "radio" || field.type === "checkbox")) {
        if (field.checked !== checked) field.click();
      } else if (field.value !== text) {
        field.value = text;
        field.dispatchEvent(new Event("input", { bubbles: true }));
      }
    }
    touched.clear();
    if (nothing) return;
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

/** The id under which the draft keeps a field; "" for a field that is not part of it. @param {HTMLInputElement | HTMLTextAreaElement} field */
function idOf(field) {
  const id = field.closest("[id^='field-'], #lock")?.id ?? "";
  const other = ["field-consent", "field-parameters", "field-pipeline"].includes(id) || field.type === "file" || field.closest("[id$='-source'], [id$='-taken']");
  return other ? "" : id;
}

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
    const id = idOf(field);
    if (!id) continue;
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
