// @ts-check
// What the list of runs shows, as written in the address: filters, order, columns, page and selection.

import { query } from "./channel.js";

export const FILTERS = ["text", "status", "pipeline", "experiment", "parameter", "metric", "starred", "rating", "tag", "sweep", "since", "before"];
export const NEWEST = "-created";
const SELECTED_IN_ADDRESS = 60;

/** @typedef {Record<string, any> & {offset: number, compare: string, selected: string, sort: string, column: string[]}} Wanted */

/**
 * @param {URLSearchParams} address
 * @returns {Wanted}
 */
export function readAddress(address) {
  const wanted = { offset: Number(address.get("offset") ?? 0), compare: address.get("compare") ?? "", selected: address.get("selected") ?? "", sort: address.get("sort") ?? NEWEST, column: address.getAll("column") };
  for (const name of FILTERS) wanted[name] = name === "metric" ? address.getAll(name).join(", ") : address.getAll(name).length > 1 ? address.getAll(name) : (address.get(name) ?? "");
  return wanted;
}

/** The address of the list. @param {Wanted} wanted */
export const writeAddress = (wanted) => `/runs${query({ ...wanted, metric: conditions(wanted.metric), offset: wanted.offset || "", sort: wanted.sort === NEWEST ? "" : wanted.sort })}`;

/** The ids for the address: none if there are too many. @param {string[]} ids */
export const selectedText = (ids) => (ids.length <= SELECTED_IN_ADDRESS ? ids.join() : "");

/** The conditions of a text such as "evaluate.wer<=0.1, fps>20". @param {string} text */
export const conditions = (text) => String(text).split(",").map((one) => one.trim()).filter(Boolean);

/**
 * The parameters of the HTTP API for what the list shows.
 * @param {Wanted} wanted
 * @returns {Record<string, any>}
 */
export function apiFilters(wanted) {
  const day = (text, add) => (text ? new Date(`${text}T00:00:00`).getTime() / 1000 + add : "");
  return { ...wanted, compare: "", selected: "", metric: conditions(wanted.metric), since: day(wanted.since, 0), before: day(wanted.before, 86400) };
}

/** The filters alone, without page, order and columns. @param {Wanted} wanted */
export const onlyFilters = (wanted) => apiFilters({ ...wanted, offset: /** @type {any} */ (""), sort: "", column: [] });

/** Name -> values, for a saved view. @param {Wanted} wanted */
export function asView(wanted) {
  /** @type {Record<string, string[]>} */
  const filters = {};
  for (const name of FILTERS) {
    const values = name === "metric" ? conditions(wanted.metric) : [wanted[name]].flat().filter(Boolean);
    if (values.length) filters[name] = values.map(String);
  }
  return { filters, columns: wanted.column, sort: wanted.sort };
}

/** The address of a saved view. @param {{filters?: Record<string, string[]>, columns?: string[], sort?: string}} view */
export const viewAddress = ({ filters = {}, columns = [], sort = NEWEST }) => `/runs${query({ ...filters, sort: sort === NEWEST ? "" : sort, column: columns })}`;
