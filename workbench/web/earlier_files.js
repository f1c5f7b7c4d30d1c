// @ts-check
// The user's earlier files, to use again or to remove.

import { ask } from "./api.js";
import { setThumbnailUrl } from "./artifact.js";
import { question } from "./dialog.js";
import { button, bytes, fill, h, problem, when } from "./dom.js";
import { attempt } from "./messages.js";
import { artifactBytes, several } from "./stored_kinds.js";

const EARLIER = 6;
export const NOUNS = { image: "portrait", audio: "recording", portraits: "zip of portraits", lora: "LoRA file" };

/** Draw the files in `place`. Calls `take(sha256)` with the chosen one. */
export async function showEarlierFiles(place, { kind, take }) {
  const { uploads } = await ask("GET /api/uploads", { kind, limit: EARLIER }).catch(() => ({ uploads: [] }));
  if (!uploads.length) return fill(place, h("span", {}));
  const below = h("div", {});
  let removing = false;
  const choice = h("div", { class: "wb-earlier-choice", "data-kind": kind });
  const toggle = h("button", { type: "button", class: "wb-quiet-link", "aria-pressed": "false", onclick: () => turn(!removing) }, "Remove…");
  const turn = (on) => {
    removing = on;
    toggle.setAttribute("aria-pressed", String(on));
    toggle.textContent = on ? "Done" : "Remove…";
    fill(below, on ? h("p", { class: "wb-muted", role: "status" }, "Choose the file to remove.") : null);
    draw();
  };
  const chosen = (one) => {
    if (!removing) return take(one.ref.sha256);
    return askRemoval(below, one.ref, kind, {
      gone: async () => {
        await showEarlierFiles(place, { kind, take });
        place.querySelector("button")?.focus();
      },
      kept: () => {
        turn(false);
        toggle.focus();
      },
    });
  };
  const draw = () => fill(choice, uploads.map((one) => tile(one, kind, removing, chosen)));
  draw();
  return fill(place, h("div", { class: "wb-earlier", role: "group", "aria-label": `Earlier ${kind === "portraits" ? "zips of portraits" : `${NOUNS[kind]}s`}` }, h("div", { class: "wb-earlier-head" }, h("span", { class: "wb-muted" }, "Earlier"), toggle), choice, below));
}

const wordsOf = (ref, kind) => [ref.name || NOUNS[kind], ref.durationS ? `${ref.durationS.toFixed(1)} s` : ""].filter(Boolean).join(", ");

function tile(one, kind, removing, chosen) {
  const words = wordsOf(one.ref, kind);
  return h(
    "button",
    {
      type: "button",
      class: kind === "image" ? "wb-earlier-picture" : "wb-earlier-sound",
      "data-sha256": one.ref.sha256,
      "data-removing": String(removing),
      title: words,
      "aria-label": removing ? `Remove ${words}` : `Use ${words} again`,
      onclick: () => chosen(one),
    },
    kind === "image" ? setThumbnailUrl(h("img", { alt: "", loading: "lazy" }), "src", one.ref.sha256, 160) : [h("span", {}, one.ref.name || NOUNS[kind]), h("span", { class: "wb-muted" }, one.ref.durationS ? `${one.ref.durationS.toFixed(1)} s` : "", " · ", when(one.used))],
  );
}

/** Ask whether to remove or erase a file. Calls `gone()` after either, or `kept()` if the user cancels. */
export async function askRemoval(place, ref, kind, { gone, kept }) {
  const file = { file: ref.sha256 };
  let plan;
  try {
    plan = await ask("POST /api/erasures", { ...file, dryRun: true });
  } catch (error) {
    return fill(place, problem(error, { compact: true }));
  }
  const jobs = plan.jobs.length;
  const claimed = plan.removed.some((one) => one.kind === "uploads");
  const [them, are] = jobs === 1 ? ["that job", "is"] : ["those jobs", "are"];
  const use = jobs
    ? `${several(jobs, "job uses", "jobs use")} it. ${claimed ? "Remove drops your upload; the file" : "It"} remains until ${them} ${are} deleted. Erase also deletes ${them} and everything derived from the file.`
    : `No job uses it. After its removal, the next collection frees ${bytes(artifactBytes(plan.removed))}.`;
  const remove = button("Remove", {
    icon: "trash",
    onclick: () => attempt(remove, asked.messages, () => ask("DELETE /api/uploads/{sha256}", { sha256: ref.sha256 }).then(() => void gone()), { compact: true }),
  });
  const erase = button("Erase…", {
    kind: "danger",
    onclick: async () => {
      const { askErasure } = await import("./erase.js");
      askErasure(file, `this ${NOUNS[kind]}`, { erased: gone });
    },
  });
  const asked = question(`Remove ${wordsOf(ref, kind)}?`, h("p", {}, use), [claimed ? remove : null, erase], kept);
  fill(place, asked.element);
  return asked.focus();
}
