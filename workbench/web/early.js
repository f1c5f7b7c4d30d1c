// @ts-check
// Before Gradio is there: what the cards need is asked for, and refusals of uploads are listened for.

import { pipelines } from "./pipelines.js";
import { listen } from "./refusals.js";

if (window.location.pathname === "/") {
  pipelines.start();
  listen();
}
