// @ts-check
// Refused uploads, as `upload_refusals.js` keeps them: said beside the field until something else is given there.

/** Calls `told(text)` for the refusal that stands and for every later one; "" when another upload begins. */
export function onRefusal(field, told) {
  const tell = () => told(window.wbUploadRefusals[field]);
  window.addEventListener("wb-refused", (event) => {
    if (/** @type {CustomEvent<string>} */ (event).detail === field) tell();
  });
  if (window.wbUploadRefusals[field]) tell();
}
