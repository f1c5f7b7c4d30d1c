// @ts-check
// One study: its ranking with intervals, agreement, metrics, links for raters, export.

import { ask } from "./api.js";
import { badge, button, fill, formatNumber, h, linkButton, problem, s, seconds, when } from "./dom.js";
import { attempt, poll } from "./messages.js";
import { setTitle } from "./title.js";

const EVERY_MS = 5000;
const DAY_S = 86_400;

/** @typedef {Api.Schema<"StudyInFull">} Study */
/** @typedef {Api.Schema<"AxisResult">} AxisResult */

/**
 * @param {HTMLElement} element
 * @param {string} id
 */
export function study(element, id) {
  const head = h("header", {});
  const result = h("div", { class: "wb-study" });
  const links = h("section", { class: "wb-study-card" });
  const messages = h("div", {});
  const body = h("article", { class: "wb-study" }, head, messages, result, links);
  fill(element, linkButton("← All studies", "/studies", { kind: "quiet" }), body);
  let axis = "";
  let seen = "";
  let listed = "";

  /** @param {Study} now */
  function draw(now) {
    if (JSON.stringify(now) === seen) return; // keeps the focus
    seen = JSON.stringify(now);
    setTitle(`${now.name} · Workbench`);
    axis = now.axes.includes(axis) ? axis : (now.axes.at(-1) ?? "");
    drawHead(now);
    drawAxis(now);
    const theirs = JSON.stringify(now.links);
    if (theirs !== listed && now.mayChange) drawLinks(now);
    listed = theirs;
    links.hidden = !now.mayChange;
  }

  /** @param {Study} now */
  function drawHead(now) {
    const open = now.state === "open";
    const toggle = button(open ? "Close the voting" : "Reopen", { onclick: () => attempt(toggle, messages, async () => draw(await ask(open ? "POST /api/studies/{study}/close" : "POST /api/studies/{study}/reopen", { study: id }))) });
    const pace = now.results.secondsAPair ? ` · ${seconds(now.results.secondsAPair)} a pair` : "";
    fill(
      head,
      h("div", { class: "wb-run-title" }, h("h2", {}, now.name), open ? badge("running", "Open") : badge("completed", "Closed")),
      h("p", { class: "wb-muted" }, `${now.items} videos · ${now.pairs} pairs by ${now.raters} ${now.raters === 1 ? "rater" : "raters"}${pace} · `, when(now.created)),
      h(
        "div",
        { class: "wb-actions" },
        open ? linkButton("Vote", `/vote?study=${id}`, { kind: "primary", icon: "play" }) : null,
        linkButton("Votes as CSV", `/api/studies/${id}/votes?format=csv`, { icon: "download", download: "" }),
        linkButton("JSON", `/api/studies/${id}/votes`, { kind: "quiet", icon: "download", download: "" }),
        now.mlflowRun ? linkButton("In MLflow", now.mlflowRun, { kind: "quiet", icon: "external", target: "_blank", rel: "noopener" }) : null,
        now.mayChange ? toggle : null,
        now.mayChange ? removal() : null,
      ),
    );
  }

  function removal() {
    const ask_ = button("Delete", { kind: "quiet danger", icon: "trash", onclick: () => ask_.replaceWith(sure) });
    const sure = button("Delete the study and all its votes?", { kind: "primary danger", icon: "trash", onclick: () => attempt(sure, messages, async () => {
      await ask("DELETE /api/studies/{study}", { study: id });
      window.location.assign("/studies");
    }) });
    return ask_;
  }

  /** @param {Study} now */
  function drawAxis(now) {
    const found = now.results.axes.find((one) => one.axis === axis);
    if (!found) return;
    const choose = (/** @type {string} */ one) => button(one, { "aria-pressed": String(one === axis), onclick: () => {
      axis = one;
      drawAxis(now);
    } });
    fill(result, h("section", { class: "wb-study-card" }, h("h3", {}, "Ranking"), h("div", { class: "wb-study-axes", role: "group", "aria-label": "Axis" }, now.axes.map(choose)), ranking(now, found)), raters(now, found), metrics(found));
  }

  /** @param {Study} now */
  function drawLinks(now) {
    const name = h("input", { class: "wb-input", required: true, maxlength: 100, value: `link ${now.links.length + 1}` });
    const days = h("input", { class: "wb-input", type: "number", min: 1, max: 366, value: "14" });
    const people = h("input", { class: "wb-input", type: "number", min: 1, max: 1000, value: "1" });
    const place = h("div", { role: "status" });
    const add = button("New link", { onclick: () => attempt(add, place, async () => {
      const made = await ask("POST /api/studies/{study}/links", { study: id, name: name.value.trim(), expiresInS: Number(days.value) * DAY_S, mostRaters: Number(people.value) });
      const text = new URL(made.path, window.location.href).href;
      add.disabled = false;
      fresh = h("div", { class: "wb-notice" }, "Copy the link now: it is not shown again.", h("code", { class: "wb-study-link" }, text), button("Copy", { onclick: () => navigator.clipboard.writeText(text) }));
      fill(place, fresh);
      seen = "";
      draw(await ask("GET /api/studies/{study}", { study: id }));
    }) });
    const field = (/** @type {string} */ label, /** @type {Element} */ input) => h("label", {}, label, input);
    fill(
      links,
      h("h3", {}, "Links for raters without an account"),
      now.links.length ? h("div", { class: "wb-table-frame" }, h("table", { class: "wb-table" }, header("Name", "Opened in", "Answered", "Ends", ""), h("tbody", {}, now.links.map(row)))) : h("p", { class: "wb-muted" }, "A link lets someone vote on this study and see nothing else."),
      now.state === "open" ? h("form", { class: "wb-study-form", onsubmit: (/** @type {Event} */ event) => (event.preventDefault(), add.click()) }, field("Name", name), field("Valid for days", days), field("Browsers that may use it", people), add) : null,
      place,
      fresh,
    );
  }
  /** @type {Element | null} */
  let fresh = null;

  /** @param {Api.Schema<"RaterLink">} link */
  function row(link) {
    const over = link.revoked ? "revoked" : link.expires * 1000 < Date.now() ? "expired" : "";
    const revoke = button("Revoke", { kind: "quiet danger", onclick: () => attempt(revoke, messages, async () => {
      await ask("DELETE /api/studies/{study}/links/{name}", { study: id, name: link.name });
      draw(await ask("GET /api/studies/{study}", { study: id }));
    }) });
    const ends = new Date(link.expires * 1000).toLocaleDateString("en-GB", { day: "numeric", month: "short", year: "numeric" });
    return h("tr", {}, h("td", {}, link.name), h("td", {}, `${link.raters} of ${link.mostRaters} browsers`), h("td", {}, `${link.answered} of ${link.mostPairs} pairs`), h("td", {}, over || ends), h("td", {}, over ? null : revoke));
  }

  return poll(body, EVERY_MS, async () => {
    try {
      draw(await ask("GET /api/studies/{study}", { study: id }));
    } catch (error) {
      if (!seen) fill(body, problem(error));
    }
  });
}

/** @param {...string} names */
const header = (...names) => h("thead", {}, h("tr", {}, names.map((name) => h("th", { scope: "col" }, name))));

/**
 * @param {Study} now
 * @param {AxisResult} found
 */
function ranking(now, found) {
  if (!found.votes) return h("p", { class: "wb-muted" }, "No votes yet.");
  const ends = found.ranking.flatMap((one) => [one.low ?? one.strength, one.high ?? one.strength]);
  const scale = { low: Math.min(0, ...ends), high: Math.max(0, ...ends) };
  const rows = found.ranking.map((one) => {
    const item = now.contents[one.item];
    if (!item) return null;
    const thumbnail = item.gone ? null : h("img", { src: `/api/artifacts/${item.sha256}/thumbnail?size=80`, alt: "", loading: "lazy" });
    const label = item.gone ? h("span", {}, item.label, " ", h("span", { class: "wb-chip", "data-tone": "warn" }, "run deleted")) : h("a", { href: `/runs?job=${item.job}` }, item.label);
    return h("tr", { "data-item": one.item }, h("td", {}, one.rank), h("td", {}, h("span", { class: "wb-study-item" }, thumbnail, label)), h("td", {}, interval(one.strength, one.low ?? null, one.high ?? null, scale)), h("td", {}, signed(one.strength)), h("td", {}, `${Math.round(one.wins * 100)} %`), h("td", {}, one.votes));
  });
  return [
    h("div", { class: "wb-table-frame" }, h("table", { class: "wb-table" }, header("", "Run", "Strength, 95 % interval", "", "Won", "Votes"), h("tbody", {}, rows))),
    h("p", { class: "wb-muted" }, `Places go by the lower end of the interval. A difference of 1 in strength means odds of 2.7 to 1. Intervals: bootstrap over ${found.drawn}.`),
  ];
}

/**
 * @param {Study} now
 * @param {AxisResult} found
 */
function raters(now, found) {
  const agreement = found.alpha === null || found.alpha === undefined ? "No pair has votes of two raters yet, so agreement cannot be told." : `Krippendorff's α is ${formatNumber(found.alpha)} over ${found.sharedPairs} pairs that two or more raters saw (1: all agree, 0: as by chance).`;
  const same = found.consistency === null || found.consistency === undefined ? "No pair was repeated yet." : `Raters voted the same again on ${Math.round(found.consistency * 100)} % of ${found.repeats} repeated pairs.`;
  return h("section", { class: "wb-study-card" }, h("h3", {}, "Agreement"), h("p", {}, agreement), h("p", {}, same));
}

/** @param {AxisResult} found */
function metrics(found) {
  const rows = found.correlations.map((one) => h("tr", {}, h("td", { class: "wb-mono" }, one.metric), h("td", {}, interval(one.rho, one.low ?? null, one.high ?? null, { low: -1, high: 1 })), h("td", {}, signed(one.rho)), h("td", {}, one.better ? `${one.better} is better` : ""), h("td", {}, one.items)));
  return h(
    "section",
    { class: "wb-study-card" },
    h("h3", {}, "Which metric goes with the votes"),
    rows.length ? h("div", { class: "wb-table-frame" }, h("table", { class: "wb-table" }, header("Metric", "Spearman's ρ, 95 % interval", "", "Direction", "Runs"), h("tbody", {}, rows))) : h("p", { class: "wb-muted" }, "No metric differs over three or more runs, or there are no votes yet."),
  );
}

/**
 * @param {number} value
 * @param {number | null} low
 * @param {number | null} high
 * @param {{low: number, high: number}} scale
 */
function interval(value, low, high, scale) {
  const x = (/** @type {number} */ at) => 8 + (184 * (at - scale.low)) / (scale.high - scale.low || 1);
  const words = low === null || high === null ? signed(value) : `${signed(value)}, from ${signed(low)} to ${signed(high)}`;
  return s(
    "svg",
    { class: "wb-interval", viewBox: "0 0 200 22", role: "img", "aria-label": words, preserveAspectRatio: "none" },
    s("title", {}, document.createTextNode(words)),
    s("line", { class: "wb-interval-zero", x1: x(0), x2: x(0), y1: 0, y2: 22 }),
    low === null || high === null ? null : s("line", { x1: x(low), x2: x(high), y1: 11, y2: 11 }),
    s("circle", { cx: x(value), cy: 11, r: 4 }),
  );
}

/** @param {number} value */
const signed = (value) => (value > 0 ? "+" : value < 0 ? "−" : "") + Math.abs(value).toFixed(2);
