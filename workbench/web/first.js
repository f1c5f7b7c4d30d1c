// @ts-check
// Shows the page once its first content is there and nothing moves any more, and in any case after a few seconds.

/** What each page waits for: content, or the problem in its place. */
const CONTENT = {
  "/": "#field-pipeline :is(.wb-card[data-pipeline], .wb-problem)",
  "/runs": "#runs :is(.wb-rows > *, .wb-run-title, .wb-comparison, .wb-problem)",
  "/sweeps": "#sweeps :is(.wb-rows > *, .wb-wall > *, .wb-plan, .wb-empty, .wb-notice, .wb-problem)",
  "/studies": "#studies :is(.wb-rows > *, .wb-study h2, .wb-problem)",
  "/system": "#system :is(.wb-tile, .wb-problem)",
};
const PARTS = ".wb-panel > *, .wb-panel .column > *, .wb-run > *, .wb-run-columns > * > *, .wb-system section, .wb-rows > *, .wb-sweep > *, .wb-sweep-form > *, nav a";
const STILL_FRAMES = 12; // 0.2 s at 60 frames a second
const AT_MOST_MS = 5000;

const wanted = CONTENT[window.location.pathname.replace(/(.)\/$/, "$1")];
const latest = performance.now() + AT_MOST_MS;
let still = 0;
let before = "";

function look() {
  const there = !wanted || document.querySelector(wanted);
  const places = there ? [...document.querySelectorAll(PARTS)].map((one) => `${one.getBoundingClientRect().top} ${one.getBoundingClientRect().height}`).join() : "";
  still = there && places === before ? still + 1 : 0;
  before = places;
  if (still >= STILL_FRAMES || performance.now() > latest) show();
  else requestAnimationFrame(look);
}

function show() {
  document.documentElement.dataset.shown = "";
}

look();
setTimeout(show, AT_MOST_MS); // no frames are drawn in a hidden tab
