// The geometry of the page it is added to.

const CONTROLS = "a[href], button, input, select, textarea, summary, [role=button], [role=radio], [role=tab]";
const TYPED = "textarea, select, input:not([type=checkbox], [type=radio], [type=range], [type=file])";
const LEAST_FONT_PX = 16; // a phone enlarges the page when a smaller input has the focus

const visible = (one) => one.checkVisibility({ visibilityProperty: true, opacityProperty: true }) && one.getClientRects().length;
const inText = (one) => one.tagName === "A" && getComputedStyle(one).display === "inline";

/** Controls that are smaller than `least` pixels in one direction, and inputs with too small a font. */
window.smallControls = (least) =>
  [...document.querySelectorAll(CONTROLS)]
    .filter((one) => visible(one) && !inText(one))
    .map((one) => {
      const target = ["checkbox", "radio"].includes(one.type) ? (one.closest("label") ?? one) : one;
      const { width, height } = target.getBoundingClientRect();
      const font = one.matches(TYPED) ? parseFloat(getComputedStyle(one).fontSize) : LEAST_FONT_PX;
      return { what: one.outerHTML.slice(0, 120), width, height, font };
    })
    .filter(({ width, height, font }) => width && height && (Math.min(width, height) < least - 0.5 || font < LEAST_FONT_PX));

/** Opens all sections. */
window.unfold = () => document.querySelectorAll("details").forEach((one) => (one.open = true));

/** The left and the right edge of the content below the navigation. */
window.extent = () => {
  const boxes = [...document.querySelectorAll(".wb-panel, .wb-rows, .wb-graph-frame, .wb-tiles")].filter(visible).map((one) => one.getBoundingClientRect());
  return [Math.min(...boxes.map((one) => one.left)), Math.max(...boxes.map((one) => one.right))];
};

/** The sum of all layout shifts so far that no input has caused. Source: https://wicg.github.io/layout-instability */
window.layoutShift = () =>
  new Promise((resolve) => {
    let sum = 0;
    new PerformanceObserver((list) => {
      for (const entry of list.getEntries()) if (!entry.hadRecentInput) sum += entry.value;
    }).observe({ type: "layout-shift", buffered: true });
    requestAnimationFrame(() => requestAnimationFrame(() => resolve(sum)));
  });
