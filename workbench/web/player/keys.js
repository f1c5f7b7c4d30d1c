// @ts-check
// The keyboard of the player.

/** @type {[string, string][]} */
export const HELP = [
  ["Space", "play, pause"],
  ["← →", "a frame"],
  ["Shift ← →", "a second"],
  ["Home End", "start, end"],
  ["I O", "loop from, to here"],
  ["L", "no loop"],
  ["[ ]", "slower, faster"],
  ["1 2 3 4", "grid, wipe, difference, flip"],
  ["X", "the other video"],
  ["+ − 0", "zoom"],
  ["S", "next audio"],
  ["W", "next worst frame"],
];

/** @type {Record<string, string>} */
const COMMANDS = { " ": "toggle", k: "toggle", i: "loopFrom", o: "loopTo", l: "loopOff", "[": "slower", "]": "faster", 1: "grid", 2: "wipe", 3: "difference", 4: "flip", x: "swap", "+": "closer", "=": "closer", "-": "wider", 0: "whole", s: "sound", w: "worst", home: "first", end: "last", "?": "help" };

/**
 * The command of a key press; null if the key belongs to what has the focus.
 * @param {KeyboardEvent} event
 * @returns {string | null}
 */
export function commandOf(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return null;
  const target = /** @type {HTMLElement} */ (event.composedPath()[0] ?? event.target);
  const range = target instanceof HTMLInputElement && target.type === "range";
  if (target.isContentEditable || (/^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName) && !range)) return null;
  if (event.key === " " && /^(BUTTON|A|SUMMARY)$/.test(target.tagName)) return null;
  if (event.key === "ArrowLeft") return event.shiftKey ? "secondBack" : "back";
  if (event.key === "ArrowRight") return event.shiftKey ? "secondOn" : "on";
  return COMMANDS[event.key.toLowerCase()] ?? null;
}

/**
 * Run the commands of key presses.
 * @param {EventTarget} target  The player, or the whole document.
 * @param {Record<string, () => void>} commands
 * @returns {() => void}  Ends it.
 */
export function listen(target, commands) {
  const pressed = (/** @type {any} */ event) => {
    const command = commandOf(event);
    if (!command || !commands[command]) return;
    event.preventDefault();
    commands[command]();
  };
  target.addEventListener("keydown", pressed);
  return () => target.removeEventListener("keydown", pressed);
}
