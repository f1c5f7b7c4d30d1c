// @ts-check
// Before Gradio is there, what the cards need is asked for.

import { pipelines } from "./pipelines.js";

if (window.location.pathname === "/") pipelines.start();
