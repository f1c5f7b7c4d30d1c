// @ts-check
// Runs before Gradio has loaded: requests the data of the cards, and starts listening for refused uploads.

import { pipelines } from "./pipelines.js";
import { listen } from "./refusals.js";

if (window.location.pathname === "/") {
  pipelines.start();
  listen();
}
