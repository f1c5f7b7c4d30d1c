// @ts-check
// The entry point of all views. The modules are in a separate model and are loaded once per page for each kernel.

const load = (host) => {
  const urls = {};
  for (const [name, text] of host.get("sources")) {
    const resolved = text.replace(/(\bfrom\s*)"(\.{1,2}\/[\w./-]+)"/g, (_, from, other) => {
      const place = new URL(other, `file:///${name}`).pathname.slice(1); // below the folder of all modules
      return `${from}"${urls[place]}"`;
    });
    urls[name] = URL.createObjectURL(new Blob([resolved], { type: "text/javascript" }));
  }
  return import(urls["notebook.js"]);
};

export default {
  async render({ model, el }) {
    const host = await model.widget_manager.get_model(model.get("modules").slice("IPY_MODEL_".length));
    const loaded = (globalThis[Symbol.for("talking-head-workbench")] ??= new WeakMap());
    if (!loaded.has(host)) loaded.set(host, load(host));
    return (await loaded.get(host)).show({ model, el, host });
  },
};
