// @ts-check
// Building blocks of all views: elements, icons, formatted numbers.

/**
 * @typedef {Record<string, any>} Attributes
 * @typedef {{message?: string, error?: string, code?: string, status?: number, details?: Record<string, any>}} Problem
 */

/**
 * An element. Attributes named on… are listeners, `class` and `data-…` as in HTML; false and null omit an attribute.
 * Children are nodes or text; text never becomes HTML.
 * @template {keyof HTMLElementTagNameMap} T
 * @param {T} tag
 * @param {Attributes | null} [attributes]
 * @param {...any} children
 * @returns {HTMLElementTagNameMap[T]}
 */
export function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (value === false || value === null || value === undefined) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name in element && typeof value !== "string" && name !== "style") Object.assign(element, { [name]: value });
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

const SVG = "http://www.w3.org/2000/svg";

/**
 * An SVG element; attributes as written.
 * @template {keyof SVGElementTagNameMap} T
 * @param {T} tag
 * @param {Attributes} [attributes]
 * @param {...any} children
 * @returns {SVGElementTagNameMap[T]}
 */
export function s(tag, attributes = {}, ...children) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value !== null && value !== false && value !== undefined) element.setAttribute(name, value);
  }
  element.append(...children.flat(Infinity).filter(Boolean));
  return element;
}

const PATHS = {
  play: "M7 5v14l11-7z",
  stop: "M7 7h10v10H7z",
  again: "M4 12a8 8 0 1 0 2.3-5.6M4 4v4h4",
  download: "M12 4v11m0 0 4-4m-4 4-4-4M5 19h14",
  graph: "M6 4v6m0 0a3 3 0 0 0 3 3h6a3 3 0 0 1 3 3v4M6 4 4 6m2-2 2 2m10 14-2-2m2 2 2-2",
  sound: "M4 10v4h3l5 4V6L7 10zM16 9a4 4 0 0 1 0 6m2.5-9a8 8 0 0 1 0 12",
  close: "M6 6l12 12M18 6 6 18",
  check: "M5 12.5 10 17 19 7",
  chevron: "m9 6 6 6-6 6",
  external: "M14 5h5v5m0-5-8 8M11 6H6v12h12v-5",
  trash: "M5 7h14M10 7V5h4v2m-6 0 1 12h6l1-12",
  wait: "M12 7v5l3 2m6-2a9 9 0 1 1-18 0 9 9 0 0 1 18 0z",
  edit: "M5 19h4L19 9l-4-4L5 15zM13 7l4 4",
  person: "M12 12a4 4 0 1 0 0-8 4 4 0 0 0 0 8zm-7 8a7 7 0 0 1 14 0",
  compare: "M4 6h7v12H4zM13 6h7v12h-7z",
  pause: "M8 5v14M16 5v14",
  stepBack: "M7 5v14M18 6v12l-8-6z",
  stepOn: "M17 5v14M6 6v12l8-6z",
  plus: "M12 5v14M5 12h14",
  minus: "M5 12h14",
  columns: "M4 5h16v14H4zM9.5 5v14M14.5 5v14",
  bookmark: "M7 4h10v16l-5-4-5 4z",
  star: "m12 4 2.5 5.1 5.6.8-4 4 .9 5.6-5-2.7-5 2.7.9-5.6-4-4 5.6-.8z",
  tag: "M4 4h8l8 8-8 8-8-8zM8.5 8.5v.01",
  up: "M12 19V5m0 0-6 6m6-6 6 6",
  down: "M12 5v14m0 0 6-6m-6 6-6-6",
  sweep: "M4 4h6v6H4zM14 4h6v6h-6zM4 14h6v6H4zM14 14h6v6h-6z",
};

/** A line icon, hidden from screen readers, because the label beside it says the same. */
export function icon(name) {
  return s(
    "svg",
    { viewBox: "0 0 24 24", class: "wb-icon", "aria-hidden": "true" },
    s("path", { d: PATHS[name], fill: name === "play" || name === "stop" ? "currentColor" : "none" }),
  );
}

/**
 * A button with an icon and a label.
 * @param {string} word
 * @param {Attributes} [options]
 */
export function button(word, { icon: name, kind = "", ...attributes } = {}) {
  return h("button", { type: "button", class: `wb-button ${kind}`, ...attributes }, name ? icon(name) : null, word);
}

/**
 * A link that looks like a button.
 * @param {string} word
 * @param {string | null} href
 * @param {Attributes} [options]
 */
export function linkButton(word, href, { icon: name, kind = "", ...attributes } = {}) {
  return h("a", { class: `wb-button ${kind}`, href, ...attributes }, name ? icon(name) : null, word);
}

/** 3.2 s, 48 s, 2 min 5 s, 1 h 12 min. */
export function seconds(value) {
  if (value === null || value === undefined || Number.isNaN(value)) return "";
  if (value < 10) return `${value.toFixed(1)} s`;
  if (value < 90) return `${Math.round(value)} s`;
  const minutes = Math.round(value / 60);
  if (minutes < 60) return value < 600 ? `${Math.floor(value / 60)} min ${Math.round(value % 60)} s` : `${minutes} min`;
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

/**
 * How long an ended job computed and waited, and when its video began: "12 s · waited 40 s · first frame after 0.5 s". Waiting
 * below a second is left out, because every job has some.
 * @param {{computeSeconds?: number | null, waitingSeconds?: number | null, firstFrameSeconds?: number | null}} job
 */
export function times({ computeSeconds = null, waitingSeconds = null, firstFrameSeconds = null }) {
  if (computeSeconds === null) return "";
  return [seconds(computeSeconds), (waitingSeconds ?? 0) >= 1 ? `waited ${seconds(waitingSeconds)}` : "", firstFrame(firstFrameSeconds)].filter(Boolean).join(" · ");
}

/** @param {number | null} [value] */
export const firstFrame = (value) => (value === null || value === undefined ? "" : `first frame after ${seconds(value)}`);

/** 512 B, 38 kB, 2.4 MB, 1.2 GB. */
export function bytes(value) {
  if (value === null || value === undefined) return "";
  const units = ["B", "kB", "MB", "GB", "TB"];
  let step = 0;
  while (value >= 1000 && step < units.length - 1) {
    value /= 1000;
    step += 1;
  }
  return `${step && value < 10 ? value.toFixed(1) : Math.round(value)} ${units[step]}`;
}

/** A number with three or four significant digits. */
export function formatNumber(value) {
  if (typeof value !== "number") return String(value);
  if (Number.isInteger(value)) return value.toLocaleString("en-GB");
  const size = Math.abs(value);
  return size >= 1000 ? value.toFixed(0) : size >= 1 ? value.toFixed(2) : value.toPrecision(3);
}

const DAY = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short" });
const CLOCK = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit" });
const FULL = new Intl.DateTimeFormat("en-GB", { dateStyle: "medium", timeStyle: "medium" });

/** A <time>: "just now", "12 min ago", "14:05", "3 Nov"; the full date as its title. Takes seconds since 1970. */
export function when(at) {
  if (!at) return "";
  const date = new Date(at * 1000);
  timer ??= setInterval(rewriteTimes, 60_000);
  return h("time", { class: "wb-when", datetime: date.toISOString(), title: FULL.format(date) }, whenWords(date));
}

/** @type {ReturnType<typeof setInterval> | undefined} */
let timer;

function whenWords(date) {
  const ago = (Date.now() - date.getTime()) / 1000;
  const today = date.toDateString() === new Date().toDateString();
  return ago < 45 ? "just now" : ago < 3570 ? `${Math.max(1, Math.round(ago / 60))} min ago` : today ? CLOCK.format(date) : DAY.format(date);
}

/** Update relative times such as "just now". Stops when the page shows no time any more. */
function rewriteTimes() {
  const shown = /** @type {NodeListOf<HTMLTimeElement>} */ (document.querySelectorAll("time.wb-when"));
  if (!shown.length) {
    clearInterval(timer);
    timer = undefined;
  }
  if (document.visibilityState !== "visible") return;
  for (const element of shown) {
    const words = whenWords(new Date(element.dateTime));
    if (element.textContent !== words) element.textContent = words;
  }
}

export const STATUS_WORDS = {
  advertised: "Accepted",
  queued: "Queued",
  running: "Running",
  completed: "Completed",
  failed: "Failed",
  cancelled: "Cancelled",
  pending: "Pending",
  ready: "Ready",
  waiting: "Waiting",
  skipped: "Skipped",
};

/** A coloured label for a status; the colour is never the only indicator. */
export function badge(status, words = STATUS_WORDS[status] ?? status) {
  return h("span", { class: "wb-badge", "data-status": status }, h("span", { class: "wb-dot", "aria-hidden": "true" }), words);
}

/**
 * The first element in `within` that matches a selector.
 * @param {ParentNode} within
 * @param {string} selector
 * @returns {HTMLElement | null}
 */
export const find = (within, selector) => within.querySelector(selector);

/**
 * Replace the children of an element; returns the element.
 * @template {Element} E
 * @param {E} element
 * @param {...any} children
 */
export function fill(element, ...children) {
  element.replaceChildren(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

/** An empty state with a title and the next step. */
export function empty(title, ...more) {
  return h("div", { class: "wb-empty" }, h("p", { class: "wb-empty-title" }, title), ...more.map((one) => (typeof one === "string" ? h("p", {}, one) : one)));
}

/**
 * An error in the common format: what, where, seen, allowed, and the remedy.
 * @param {any} error  A Problem.
 */
export function problem(error, { compact = false } = {}) {
  const details = error.details ?? {};
  const row = (label, value) =>
    value === undefined || value === null || value === ""
      ? null
      : [h("dt", {}, label), h("dd", {}, Array.isArray(value) ? value.join(", ") : typeof value === "object" ? JSON.stringify(value) : String(value))];
  return h(
    "div",
    { class: "wb-problem", role: "alert" },
    h("p", { class: "wb-problem-what" }, sentence(error.message ?? error.error ?? "Something went wrong")),
    details.remedy ? h("p", { class: "wb-problem-remedy" }, details.remedy) : null,
    compact ? null : h("dl", {}, row("where", details.where), row("seen", details.seen), row("allowed", details.allowed), row("code", error.code)),
    details.log && !compact ? h("details", {}, h("summary", {}, "Log"), h("pre", { class: "wb-log" }, details.log)) : null,
  );
}

export function sentence(text) {
  const trimmed = String(text).trim();
  const first = trimmed.charAt(0).toUpperCase() + trimmed.slice(1);
  return /[.!?…]$/.test(first) ? first : `${first}.`;
}

/** Whether a key press belongs to an input field. */
export function typing(event) {
  return Boolean(event.target.closest?.("input, textarea, select, [contenteditable]"));
}
