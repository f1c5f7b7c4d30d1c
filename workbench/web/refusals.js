// @ts-check
// Shows refused uploads, which `gradio_files.js` collects, beside their field until the next upload.

/** Calls `listener(text)` for the current refusal of a field and for every later one, and with "" when another upload starts. */
export function onRefusal(field, listener) {
  const report = () => listener(window.wbUploadRefusals[field]);
  window.addEventListener("wb-refused", (event) => {
    if (/** @type {CustomEvent<string>} */ (event).detail === field) report();
  });
  if (window.wbUploadRefusals[field]) report();
}
