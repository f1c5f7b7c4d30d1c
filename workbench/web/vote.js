// @ts-check
// The page of a rater: two videos in step, one row of choices for each axis, and nothing that tells which run is which.
//
// It loads no other data than the calls of this file, with plain `fetch`: a rater who came by a link has no session.

import { button, fill, h, icon, problem } from "./dom.js";
import { pair as pairOfVideos } from "./vote_pair.js";

const CHOICES = /** @type {const} */ (["left", "tie", "right"]);
const WORDS = { left: "Left", tie: "Tie", right: "Right" };
const KEYS = { ArrowLeft: "left", ArrowDown: "tie", ArrowRight: "right" };

/** @typedef {Api.Schema<"VotingState">} State */

/**
 * @param {HTMLElement} element
 * @param {{study?: string}} [options]  The study of a logged-in user; by default that of the address.
 */
export function mount(element, { study = new URLSearchParams(window.location.search).get("study") ?? "" } = {}) {
  const messages = h("div", { role: "status" });
  const body = h("div", { class: "wb-vote" });
  fill(element, messages, body);
  /** @type {{key: (event: KeyboardEvent) => void, end: () => void} | null} */
  let shown = null;
  let busy = false;

  /** @param {string} path @param {object} [sent] @returns {Promise<State>} */
  async function call(path, sent) {
    const address = `/api/vote${path}${study ? `?study=${encodeURIComponent(study)}` : ""}`;
    const options = { method: "POST", headers: { "Content-Type": "application/json", Accept: "application/json" }, body: JSON.stringify(sent ?? {}) };
    const answer = await fetch(address, options).catch(() => {
      throw { error: "The server does not respond", details: { remedy: "Check the connection, then try again. All earlier votes are kept." } };
    });
    const found = await answer.json().catch(() => ({ error: `the server responded with status ${answer.status}` }));
    if (!answer.ok) throw found;
    return found;
  }

  /** @param {() => Promise<State>} act */
  async function go(act) {
    if (busy) return;
    busy = true;
    try {
      draw(await act());
      fill(messages);
    } catch (/** @type {any} */ error) {
      const again = button("Show the next pair", { onclick: () => go(() => call("")) });
      const over = ["rater_link.ended", "rater_link.unknown", "study.closed"].includes(error.code);
      fill(messages, problem(error, { compact: true }), over ? null : again);
    } finally {
      busy = false;
    }
  }

  /** @param {State} state */
  function draw(state) {
    shown?.end();
    shown = state.pair ? drawPair(state) : null;
    if (!shown) fill(body, ending(state));
  }

  /** @param {State} state */
  function ending(state) {
    const done = state.answered ? `You answered ${state.answered} pair${state.answered === 1 ? "" : "s"}.` : "";
    const undo = state.mayUndo ? button("Change the last answer", { kind: "quiet", icon: "again", onclick: () => go(() => call("/undo")) }) : null;
    return h("section", { class: "wb-vote-end" }, icon("check"), h("h1", { tabIndex: -1 }, state.answered ? "Thank you" : "Nothing to vote on"), h("p", { class: "wb-muted" }, [state.reason, done].filter(Boolean).join(" ")), undo);
  }

  /** @param {State} state */
  function drawPair(state) {
    const { pair: on, axes } = state;
    if (!on) return null;
    /** @type {Record<string, string>} */
    const chosen = {};
    const begun = performance.now();
    let at = 0;
    const videos = pairOfVideos(on.left, on.right);
    const next = button("Next pair", { kind: "primary", disabled: true, onclick: () => send() });
    const rows = axes.map((axis, index) => {
      const buttons = CHOICES.map((one) =>
        h("button", { type: "button", class: "wb-vote-choice", role: "radio", "aria-checked": "false", "data-choice": one, onclick: () => choose(index, one) }, WORDS[one]),
      );
      return h("div", { class: "wb-vote-row", role: "radiogroup", "aria-label": axis, "data-axis": axis }, h("span", { class: "wb-vote-axis" }, axis), h("span", { class: "wb-vote-choices" }, buttons));
    });

    const mark = () => {
      rows.forEach((row, index) => {
        row.toggleAttribute("data-current", index === at);
        for (const one of row.querySelectorAll("button")) one.setAttribute("aria-checked", String(chosen[axes[index] ?? ""] === one.dataset.choice));
      });
      next.disabled = Object.keys(chosen).length < axes.length;
    };
    /** @param {number} index @param {string} choice */
    const choose = (index, choice) => {
      const axis = axes[index];
      if (axis === undefined) return;
      chosen[axis] = choice;
      at = Math.min(index + 1, axes.length);
      mark();
    };
    const send = () => go(() => call("/answer", { pair: on.pair, choices: chosen, seconds: Math.round((performance.now() - begun) / 100) / 10 }));
    const undo = button("Undo", { kind: "quiet", icon: "again", disabled: !state.mayUndo, title: "Back to the last pair (U)", onclick: () => go(() => call("/undo")) });
    const left = h("span", { class: "wb-muted" }, `Pair ${state.answered + 1} of ${state.wanted}`);
    fill(
      body,
      h("header", { class: "wb-vote-head" }, h("h1", {}, state.question), left),
      h("progress", { class: "wb-bar wb-bar-total", max: state.wanted, value: state.answered, "aria-label": "Progress" }),
      videos.element,
      h("div", { class: "wb-vote-rows" }, rows),
      h("footer", { class: "wb-vote-foot" }, undo, keys(), next),
    );
    mark();
    return {
      end: videos.end,
      key(/** @type {KeyboardEvent} */ event) {
        const choice = KEYS[event.key];
        if (choice) choose(at, choice);
        else if (event.key === "ArrowUp") at = Math.max(0, at - 1);
        else if (event.key === " ") videos.toggle();
        else if (event.key === "s") videos.sound();
        else if (event.key === "u" && state.mayUndo) undo.click();
        else if (event.key === "Enter" && !next.disabled) send();
        else return;
        event.preventDefault();
        mark();
      },
    };
  }

  const onKey = (/** @type {KeyboardEvent} */ event) => {
    if (event.metaKey || event.ctrlKey || event.altKey || busy) return;
    if (event.target instanceof HTMLInputElement && event.key !== " ") return; // the time line
    if (event.target instanceof HTMLButtonElement && (event.key === " " || event.key === "Enter") && event.target.role !== "radio") return;
    shown?.key(event);
  };
  document.addEventListener("keydown", onKey);
  go(() => call(""));
  return () => {
    document.removeEventListener("keydown", onKey);
    shown?.end();
  };
}

function keys() {
  const key = (/** @type {string} */ name, /** @type {string} */ words) => h("span", {}, h("kbd", {}, name), ` ${words}`);
  return h("p", { class: "wb-vote-keys wb-muted" }, key("←", "left"), key("↓", "tie"), key("→", "right"), key("↑", "row before"), key("space", "play"), key("S", "sound"), key("enter", "next pair"));
}
