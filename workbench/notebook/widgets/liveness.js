// @ts-check
// Says so when nothing hears the controls around it: they are drawn from the notebook, and their Python went with its kernel.

const PATIENCE_MS = 2500;
const AWAY = "The kernel that made this form does not run: this is how it was left. Run the cell again to use it.";
const BUSY = "The kernel is busy or gone: what is set or pressed here counts when it answers.";

export default {
  async render({ model, el }) {
    const own = await model.widget_manager.get_model(model.get("own").slice("IPY_MODEL_".length));
    let timer = null;
    el.setAttribute("role", "status");
    const say = (text) => {
      clearTimeout(timer);
      el.classList.toggle("wb-form-away", text === AWAY);
      el.classList.toggle("wb-form-busy", text === BUSY);
      el.textContent = text;
    };
    const heard = () => say("");
    const ask = () => {
      if (own.comm_live === false) return say(AWAY);
      clearTimeout(timer);
      timer = setTimeout(() => say(BUSY), PATIENCE_MS); // a busy kernel answers later, and then this goes
      return model.send({ kind: "hello" });
    };
    model.on("msg:custom", heard);
    own.on("comm_live_update", ask);
    ask();
    return () => {
      clearTimeout(timer);
      model.off("msg:custom", heard);
      own.off("comm_live_update", ask);
    };
  },
};
