// @ts-check
// The filter by a parameter while it is typed. The server decides what is right; here only what is not finished yet.

const NAME = /^[A-Za-z_][\w-]*(\.[A-Za-z_]\w*)?\s*/;
const NUMBER_BEGUN = /^[+-]?(\d*\.?|\d+(\.\d*)?e[+-]?|\.)$/i;

/**
 * What a half-typed condition still lacks, in words; "" if it is finished, right or wrong.
 * @param {string} text  Such as `speed`, `speech.speed>=1.2`, `style=calm`.
 */
export function missingIn(text) {
  const condition = text.trim();
  if (/^[A-Za-z_][\w-]*\.$/.test(condition)) return `the name of a parameter after “${condition}”`;
  const [name = ""] = NAME.exec(condition) ?? [];
  const [, sign = "", value = ""] = name ? (/^(!=|!|<=?|>=?|=)\s*(.*)$/.exec(condition.slice(name.length)) ?? []) : [];
  if (!sign) return "";
  if (sign === "!") return "“=” after “!”";
  if (sign === "=" || sign === "!=") return value ? "" : `a value after “${sign}”`;
  return NUMBER_BEGUN.test(value) && Number.isNaN(Number(value || "none")) ? `a number after “${sign}”` : "";
}
