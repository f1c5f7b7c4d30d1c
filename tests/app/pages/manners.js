// What a person with a keyboard or a screen reader would meet on the page it is added to.

const text = (element) => (element?.innerText ?? element?.textContent ?? "").trim();
const named = (id) => text(document.getElementById(id));
const CONTROLS = "input, textarea, select, button, a[href], summary, [role=button], [role=radio], [role=checkbox], [role=tab]";

// The rules of accessible names, shortened: aria-label, aria-labelledby, a label, the own text, an alt or a title.
function nameOf(one) {
  const typed = ["INPUT", "TEXTAREA", "SELECT"].includes(one.tagName);
  return (
    one.getAttribute("aria-label")?.trim() ||
    (one.getAttribute("aria-labelledby") ?? "").split(/\s+/).map(named).join(" ").trim() ||
    [...(one.labels ?? [])].map(text).join(" ").trim() ||
    (typed ? "" : text(one)) ||
    [...one.querySelectorAll("img[alt]")].map((image) => image.alt).join(" ").trim() ||
    one.title?.trim()
  );
}

/** Visible controls without a name that a screen reader could say. */
window.nameless = () =>
  [...document.querySelectorAll(CONTROLS)]
    .filter((one) => one.checkVisibility({ visibilityProperty: true, opacityProperty: true }) && one.type !== "hidden")
    .filter((one) => !one.closest("[aria-hidden=true]") && !nameOf(one))
    .map((one) => one.outerHTML.slice(0, 200));

/** Where the focus is, and whether it can be seen there. */
window.focused = () => {
  const one = document.activeElement;
  const styles = [one, one.parentElement, one.closest("label")].filter(Boolean).map((each) => getComputedStyle(each));
  const outlined = (style) => style.outlineStyle !== "none" && parseFloat(style.outlineWidth) > 0;
  return {
    id: one.id || one.closest("[id]")?.id || "",
    what: one.outerHTML.slice(0, 160),
    marked: styles.some((style) => outlined(style) || style.boxShadow !== "none"),
  };
};

/** Animations that run, longer than one can notice. */
window.moving = () =>
  document
    .getAnimations()
    .filter((one) => one.playState === "running" && one.effect.getComputedTiming().duration > 50)
    .filter((one) => one.effect.target?.checkVisibility())
    .map((one) => `${one.animationName ?? one.transitionProperty} ${one.effect.target.className}`);

/** A dot of a running job, as the pages show it. */
window.showRunningDot = () => {
  document.querySelector(".gradio-container .contain").insertAdjacentHTML("beforeend", '<p data-status="running"><span class="wb-dot"></span></p>');
};
