// @ts-check
// The pipelines of this deployment and the chosen one, shared by the cards and the parameters of a page.

import { ask as question } from "./api.js";

const EVERY_MS = 15_000;
const MISSING_EVERY_MS = 5000; // while a pipeline waits for a worker

export class Pipelines extends EventTarget {
  /** @type {Api.Schema<"PipelineEntry">[]} */
  list = [];
  chosen = "";
  /** @type {import("./dom.js").Problem | null} */
  error = null;
  #asking = false;

  /**
   * @param {Api.Schema<"PipelineEntry">[]} [known]  A fixed list, which is not refreshed.
   * @param {string} [chosen]
   */
  constructor(known, chosen = "") {
    super();
    if (!known) return;
    this.list = known;
    this.chosen = chosen;
    this.#asking = true;
  }

  /** Load the list now, and again while the page is visible, because workers start and stop. */
  start() {
    if (this.#asking) return;
    this.#asking = true;
    const ask = async () => {
      if (document.visibilityState === "visible") await this.refresh();
      setTimeout(ask, this.error || this.list.some((one) => !one.offered) ? MISSING_EVERY_MS : EVERY_MS);
    };
    ask();
  }

  async refresh() {
    try {
      const { pipelines } = await question("GET /api/pipelines");
      const changed = JSON.stringify(pipelines) !== JSON.stringify(this.list) || this.error;
      this.list = pipelines;
      this.error = null;
      if (changed) this.dispatchEvent(new Event("change"));
    } catch (fault) {
      const error = /** @type {import("./dom.js").Problem} */ (fault);
      const known = this.error && this.error.code === error.code && this.error.message === error.message;
      this.error = error;
      if (!known) this.dispatchEvent(new Event("change")); // reported once, not at every poll
    }
  }

  choose(name) {
    if (this.chosen === name) return;
    this.chosen = name;
    this.dispatchEvent(new Event("choose"));
  }

  get current() {
    return this.list.find((one) => one.name === this.chosen) ?? null;
  }
}

export const pipelines = new Pipelines();
