// @ts-check
// Gradio reports a refused upload by a temporary toast. This script keeps the text by field, and `media.js` shows it
// there. It is an inline script and not a module, so that it runs before Gradio can send a file.
{
  const UPLOADS = "/gradio_api/upload";
  const KINDS = { image: "an image", audio: "an audio file" };

  /** @type {string | null} */
  let touched = null; // the field of the file input that the user used last
  window.wbUploadRefusals = {};

  const report = (/** @type {string | null} */ field, /** @type {string} */ text) => {
    if (!field) return;
    window.wbUploadRefusals[field] = text;
    window.dispatchEvent(new CustomEvent("wb-refused", { detail: field }));
  };

  /** Report a file of the wrong kind, which Gradio does not even send. */
  const checkKind = (/** @type {string} */ field, /** @type {File} */ file) => {
    const kind = field === "portrait" ? "image" : "audio";
    if (!file.type.startsWith(`${kind}/`)) report(field, `This is not ${KINDS[kind]}: ${file.name}. Choose ${KINDS[kind]}.`);
  };

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
