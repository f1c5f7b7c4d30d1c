// @ts-check
// Gradio tells of a refused upload by a toast that goes away. Here the text is kept by field, for `refusals.js` to say
// beside it. A plain script and no module: the page holds its text, so it runs before Gradio can send a file.
{
  const UPLOADS = "/gradio_api/upload";
  const KINDS = { image: "a picture", audio: "a sound" };

  /** @type {string | null} */
  let touched = null; // the field of the capture that a person used last
  window.wbUploadRefusals = {};

  const say = (/** @type {string | null} */ field, /** @type {string} */ text) => {
    if (!field) return;
    window.wbUploadRefusals[field] = text;
    window.dispatchEvent(new CustomEvent("wb-refused", { detail: field }));
  };

  /** A file of another kind Gradio does not even send. */
  const look = (/** @type {string} */ field, /** @type {File} */ file) => {
    const kind = field === "portrait" ? "image" : "audio";
    if (!file.type.startsWith(`${kind}/`)) say(field, `This is not ${KINDS[kind]}: ${file.name}. Give ${KINDS[kind]} here.`);
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
        if (file && (type === "change" || type === "drop")) look(touched, file);
      },
      true,
    );
  }

  const ask = window.fetch.bind(window);
  window.fetch = async (input, options) => {
    const address = new URL(input instanceof Request ? input.url : input, window.location.href);
    if (!address.pathname.endsWith(UPLOADS)) return ask(input, options);
    const field = touched;
    say(field, "");
    let answer;
    try {
      answer = await ask(input, options);
    } catch (error) {
      say(field, "The file did not arrive. The workbench did not answer to the end: try it again, or give a smaller one.");
      throw error;
    }
    if (!answer.ok) say(field, await answer.clone().text());
    return answer;
  };
}
