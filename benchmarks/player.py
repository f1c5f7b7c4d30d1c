"""The player that compares videos: whether it keeps real time, how fast a step is, and how often frames are apart.

    python -m benchmarks.player [seconds]

Four clips of 512 x 512 at 25 frames a second (H.264 with B-frames, a key frame every two seconds) whose frames have
their numbers drawn into them, in Chromium on the same cores. The player plays them, then goes to random frames; every
set that it draws is read back. Beside it, in the same run, four `<video>` elements: what they show at each animation
frame while they play, and what a step of all four costs. Reading back costs time that a user does not pay, so that the
player also plays once without it. Then nine clips, which may be slower, but not apart.
"""

from __future__ import annotations

import random
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from playwright.sync_api import Browser, Page, sync_playwright

from benchmarks.measure import machine, percentile, told
from tests.app.pages.numbered import served, write_numbered

FPS = 25
STEPS = 60
GOAL_STEP_MS = 50
OPTIONS = {"preset": "veryfast", "bf": "3", "g": "50"}

PLAY = """async (read) => {
  window.recording = read; window.sets.length = 0;
  made.update({at: 0});
  await new Promise((done) => setTimeout(done, 800));
  window.sets.length = 0;
  let shown = 0;
  let last = 0;
  document.addEventListener("wb-shown", (event) => { shown += 1; last = performance.now(); });
  const begun = performance.now();
  document.querySelector(".wb-player-toggle").click();
  const end = Number(document.querySelector(".wb-player-place").max);
  while (Number(document.querySelector(".wb-player").dataset.index) < end) await new Promise(requestAnimationFrame);
  return {seconds: (last - begun) / 1000, shown, sets: window.sets.splice(0)};
}"""

STEP = """async (places) => {
  window.recording = true; window.sets.length = 0;
  const took = [];
  for (const at of places) {
    const begun = performance.now();
    const there = new Promise((done) => {
      document.addEventListener("wb-shown", () => done(performance.now()), { once: true });
    });
    made.update({at});
    took.push((await there) - begun);
  }
  return {took, sets: window.sets.splice(0)};
}"""

ELEMENTS = """async ([names, places]) => {
  document.body.replaceChildren();
  const videos = await Promise.all(names.map((name) => new Promise((done) => {
    const video = Object.assign(document.createElement("video"), {src: "/clips/" + name, muted: true, width: 320});
    video.addEventListener("loadeddata", () => done(video), {once: true});
    document.body.append(video);
  })));
  const took = [];
  let apart = 0;
  for (const at of places) {
    const begun = performance.now();
    await Promise.all(videos.map((video) => new Promise((done) => {
      video.addEventListener("seeked", done, {once: true});
      video.currentTime = (at + 0.5) / 25;
    })));
    took.push(performance.now() - begun);
  }
  await Promise.all(videos.map((video) => new Promise((done) => {
    video.addEventListener("seeked", done, {once: true});
    video.currentTime = 0;
  })));
  const canvases = videos.map(() => Object.assign(document.createElement("canvas"), {width: 256, height: 256}));
  let ticks = 0;
  await Promise.all(videos.map((video) => video.play()));
  while (!videos.some((video) => video.ended)) {
    await new Promise(requestAnimationFrame);
    videos.forEach((video, at) => canvases[at].getContext("2d").drawImage(video, 0, 0, 256, 256));
    const numbers = canvases.map((canvas) => window.blocks(canvas)[0]);
    ticks += 1;
    if (new Set(numbers).size > 1) apart += 1;
  }
  return {took, ticks, apart};
}"""


def wrong(sets: list[Any]) -> int:
    return sum(any(read[0] != index for read in images) for index, images in sets)


def opened(browser: Browser, url: str, names: list[str]) -> Page:
    page = browser.new_page(viewport={"width": 1360, "height": 900})
    page.goto(f"{url}/player?{urlencode({'clips': ','.join(names)})}")
    page.wait_for_function("window.opened && window.sets.length > 0")
    return page


def measure(browser: Browser, url: str, names: list[str], frames: int) -> None:
    page = opened(browser, url, names)
    places = random.Random(5).sample(range(frames), STEPS)
    for read in (False, True):
        played = page.evaluate(PLAY, read)
        rate = played["shown"] / played["seconds"]
        sets = f", {wrong(played['sets'])} of {len(played['sets'])} sets wrong" if read else ""
        print(f"  play{', read back' if read else '':12}  {rate:5.1f} sets a second of {FPS}{sets}")
    stepped = page.evaluate(STEP, places)
    took = stepped["took"]
    print(
        f"  random step  median {percentile(took, 0.5):.0f} ms, p95 {percentile(took, 0.95):.0f} ms,"
        f" {wrong(stepped['sets'])} of {len(took)} wrong"
        + (f"; goal {GOAL_STEP_MS} ms: {told(percentile(took, 0.5) < GOAL_STEP_MS)}" if len(names) == 4 else "")
    )
    if len(names) == 4:
        beside = page.evaluate(ELEMENTS, [names, places])
        print(
            f"  four <video>: {beside['apart']} of {beside['ticks']} ticks show different frames"
            f" ({100 * beside['apart'] / beside['ticks']:.0f} %), a step of all"
            f" median {percentile(beside['took'], 0.5):.0f} ms, p95 {percentile(beside['took'], 0.95):.0f} ms"
        )
    page.close()


def main(seconds: int = 8) -> None:
    chromium = shutil.which("chromium")
    if chromium is None:
        raise SystemExit("Chromium is not installed")
    print(machine())
    frames = seconds * FPS
    with tempfile.TemporaryDirectory() as folder:
        names = [f"{number}.mp4" for number in range(9)]
        for number, name in enumerate(names):
            write_numbered(Path(folder) / name, number, frames=frames, size=(512, 512), options=OPTIONS)
        with served(Path(folder)) as url, sync_playwright() as playwright:
            browser = playwright.chromium.launch(
                executable_path=chromium, args=["--no-sandbox", "--disable-dev-shm-usage"]
            )
            for count in (4, 9):
                print(f"{count} videos of 512 x 512")
                measure(browser, url, names[:count], frames)
            browser.close()


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
