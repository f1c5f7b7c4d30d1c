// @ts-check
// The files that Gradio's inputs take. Gradio decides by the type that the browser guesses from a file's name; this script
// lets through what the workbench may accept, such as the audio of a video. Gradio reports a refused upload by a temporary
// toast; this script keeps the text by field, and `media.js` shows it there. It is an inline script and not a module, so
// that it runs before Gradio can send a file.
{
  const UPLOADS = "/gradio_api/upload";
  const TOAST_WITHIN_MS = 10_000;
  const KINDS = { image: "an image", audio: "an audio file" };
  /** By the class of an input of plain files. */
  const FILES = [
    { of: ".wb-file-of-portraits", suffix: ".zip", words: "a zip of portraits" },
    { of: ".wb-file-of-lora", suffix: ".safetensors", words: "a LoRA as one safetensors file" },
  ];

  /** @type {string | null} */
  let touched = null; // the field of the file input that the user used last
  window.wbUploadRefusals = {};

  const report = (/** @type {string | null} */ field, /** @type {string} */ text) => {
    if (!field) return;
    window.wbUploadRefusals[field] = text;
    window.dispatchEvent(new CustomEvent("wb-refused", { detail: field }));
    if (text) dropToast(text);
  };

  /** Close the toast that repeats this text, because the field shows it and keeps it. */
  const dropToast = (/** @type {string} */ text) => {
    const look = () => {
      for (const toast of /** @type {NodeListOf<HTMLElement>} */ (document.querySelectorAll("[data-testid='toast-body']"))) {
        if (!toast.textContent?.includes(text)) continue;
        toast.hidden = true;
        /** @type {HTMLElement | null} */ (toast.querySelector("[data-testid='toast-close']"))?.click();
        observer.disconnect();
      }
    };
    const observer = new MutationObserver(look);
    observer.observe(document.body, { childList: true, subtree: true });
    setTimeout(() => observer.disconnect(), TOAST_WITHIN_MS);
  };

  /**
   * The file with a type that Gradio sends, or null after a report: Gradio does not even send a file of another kind. The
   * server inspects the bytes, not the type.
   * @param {string} field
   * @param {File} file
   * @param {{suffix: string, words: string} | undefined} plain  Of an input of plain files.
   */
  const sendable = (field, file, plain) => {
    if (plain) {
      if (file.name.toLowerCase().endsWith(plain.suffix)) return file;
      report(field, `This is not ${plain.words}: ${file.name}. Choose ${plain.words}.`);
      return null;
    }
    const kind = field === "portrait" ? "image" : "audio";
    if (file.type.startsWith(`${kind}/`)) return file;
    if (!file.type || (kind === "audio" && /^video\/|^application\/(ogg|mp4)$/.test(file.type))) return new File([file], file.name, { type: `${kind}/x-${kind}` });
    report(field, `This is not ${KINDS[kind]}: ${file.name}. Choose ${KINDS[kind]}.`);
    return null;
  };

  for (const type of ["pointerdown", "keydown", "change", "drop", "paste"]) {
    document.addEventListener(
      type,
      (event) => {
        const target = /** @type {HTMLInputElement | null} */ (event.target);
        const source = target?.closest?.("[id$='-source']");
        if (!source) return;
        touched = source.id.replace(/-source$/, "");
        const plain = FILES.find((one) => source.matches(one.of));
        /** @type {HTMLInputElement | null} */
        const chooser = source.querySelector("input[type=file]");
        if (plain && chooser) chooser.accept = plain.suffix; // what the browser's dialog shows
        const [file] = (event instanceof DragEvent ? event.dataTransfer : target)?.files ?? [];
        const chosen = Boolean(file) && (type === "change" || type === "drop");
        const given = chosen ? sendable(touched, file, plain) : null;
        if (chosen && plain && !given) {
          event.preventDefault(); // Gradio would send it: it accepts any file here
          event.stopImmediatePropagation();
          if (chooser) chooser.value = "";
          return;
        }
        /** @type {HTMLInputElement | null} */
        const input = given && given !== file ? source.querySelector("input[type=file]") : null;
        if (!input || !given) return;
        const files = new DataTransfer();
        files.items.add(given);
        input.files = files.files;
        if (type === "change") return;
        event.preventDefault();
        event.stopImmediatePropagation();
        input.dispatchEvent(new Event("change", { bubbles: true }));
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
