// @ts-check
// Ids that are cut so that they still differ.

import { h } from "./dom.js";

const SHORTEST = 15; // the date and the time of a job's id

/**
 * The length at which all of these ids differ, at least SHORTEST.
 * @param {string[]} ids
 */
export function shortIds(ids) {
  const all = [...new Set(ids)];
  let length = SHORTEST;
  while (new Set(all.map((id) => id.slice(0, length))).size < all.length) length += 1;
  return length;
}

/**
 * An id, cut to a length. The whole id appears on hover, is read by screen readers, and is what a copy takes.
 * @param {string} id
 * @param {number} length  Of `shortIds`.
 */
export function shortId(id, length) {
  if (id.length <= length) return h("span", {}, id);
  return h(
    "span",
    {
      class: "wb-id",
      title: id,
      oncopy: (event) => {
        if (!id.startsWith(String(window.getSelection() ?? "").trim())) return;
        event.clipboardData.setData("text/plain", id);
        event.preventDefault();
      },
    },
    h("span", { "aria-hidden": "true" }, `${id.slice(0, length)}…`),
    h("span", { class: "wb-sr" }, id),
  );
}
