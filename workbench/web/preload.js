// @ts-check
// Runs before Gradio has loaded: requests the data of the cards.

import { pipelines } from "./pipelines.js";

if (window.location.pathname === "/") pipelines.start();
