// @ts-check
// Gradio tells of a refused upload by a toast that goes away. Here it is said beside its field too, and stays until
// something else is given there.

const UPLOADS = "/gradio_api/upload";
const KINDS = { image: "a picture", audio: "a sound" };

/** @type {string | null} */
let touched = null; // the field of the capture that a person used last

/** Calls `told(text)` for every refusal of a field's upload; "" when another one begins. */
export function onRefusal(field, told) {
  window.addEventListener("wb-refused", (event) => {
    const { detail } = /** @type {CustomEvent<{field: string, text: string}>} */ (event);
    if (detail.field === field) told(detail.text);
  });
}

const say = (field, text) => field && window.dispatchEvent(new CustomEvent("wb-refused", { detail: { field, text } }));

/** Begins to listen; once a page. */
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

/** A file of another kind Gradio does not even send. */
function look(field, file) {
  const kind = field === "portrait" ? "image" : "audio";
  if (file.type.startsWith(`${kind}/`)) return;
  say(field, `This is not ${KINDS[kind]}: ${file.name}. Give ${KINDS[kind]} here.`);
}
