// @ts-check
// Gradio reports a refused upload by a temporary toast. This module also shows it beside its field until the next upload.

const UPLOADS = "/gradio_api/upload";
const KINDS = { image: "an image", audio: "an audio file" };

/** @type {string | null} */
let touched = null; // the field of the file input that the user used last

/** Calls `listener(text)` for every refused upload of a field, and with "" when another upload starts. */
export function onRefusal(field, listener) {
  window.addEventListener("wb-refused", (event) => {
    const { detail } = /** @type {CustomEvent<{field: string, text: string}>} */ (event);
    if (detail.field === field) listener(detail.text);
  });
}

const report = (field, text) => field && window.dispatchEvent(new CustomEvent("wb-refused", { detail: { field, text } }));

/** Start listening. Call it once per page. */
export function listen() {
  for (const type of ["pointerdown", "keydown", "change", "drop", "paste"]) {
    document.addEventListener(
      type,
      (event) => {
        const target = /** @type {HTMLInputElement | null} */ (event.target);
        const source = target?.closest?.("[id$='-source']");
        if (!source) return;
        touched = source.id.replace(/-source$/, "");
        const [file] = (event instanceof DragEvent ? event.dataTransfer : target)?.files ?? [];
        if (file && (type === "change" || type === "drop")) checkKind(touched, file);
      },
      true,
    );
  }
  const originalFetch = window.fetch.bind(window);
  window.fetch = async (input, options) => {
    const address = new URL(input instanceof Request ? input.url : input, window.location.href);
    if (!address.pathname.endsWith(UPLOADS)) return originalFetch(input, options);
    const field = touched;
    report(field, "");
    let answer;
    try {
      answer = await originalFetch(input, options);
    } catch (error) {
      report(field, "The upload failed. The connection to the workbench was lost: try again, or use a smaller file.");
      throw error;
    }
    if (!answer.ok) report(field, await answer.clone().text());
    return answer;
  };
}

/** Report a file of the wrong kind, which Gradio does not even send. */
function checkKind(field, file) {
  const kind = field === "portrait" ? "image" : "audio";
  if (file.type.startsWith(`${kind}/`)) return;
  report(field, `This is not ${KINDS[kind]}: ${file.name}. Choose ${KINDS[kind]}.`);
}
