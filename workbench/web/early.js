// Asked while Gradio is still being loaded, so that the cards are drawn as soon as their place is there.

import { pipelines } from "./pipelines.js";

if (window.location.pathname === "/") pipelines.start();
