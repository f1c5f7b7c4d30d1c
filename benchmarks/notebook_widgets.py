"""Widgets in JupyterLab in Chromium: how a table of 500 runs scrolls, and what 20 videos load before one is played.

    python -m benchmarks.notebook_widgets

A real stack without MLflow in a throw-away home; 500 finished runs of six nodes and 20 different clips are put into its
record and its object store. The table is scrolled from its first row to its last and back, 70 px a frame: the times
between frames are the browser's own. The notebook with the videos is saved and opened anew, with its kernel and, in
another page, without; counted are the notebook's file, all WebSocket messages, and what comes from the page or the
object store. JupyterLab's own program is not: it is there before any notebook. Chromium runs on the same cores.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import Page, sync_playwright

from benchmarks.bench_stack import running_stack
from benchmarks.measure import machine, percentile, told
from benchmarks.run_filters import fill
from benchmarks.watchers import await_answer
from schemas.refs import VideoRef
from tests.notebook.widgets.lab import Lab, Notebook, jupyterlab
from tests.store.media import write_clip
from tests.store.samples import make_job, whole_run
from workbench.client.deployment import Deployment
from workbench.client.uploads import store_file

ARGUMENTS = ["--no-sandbox", "--disable-dev-shm-usage"]
PARTS = ("bus", "objects", "sql", "control", "worker", "app")
RUNS, VIDEOS = 500, 20
FRAME_MS = 33.0
GOAL_MB = 2.0
CONNECT = "from workbench import connect\nwb = connect(start=False)"
SCROLL = """async () => {
  const pane = document.querySelector(".wb-grid-pane");
  const frames = [];
  let most = 0;
  let before = await new Promise(requestAnimationFrame);
  for (const step of [70, -70]) {
    for (;;) {
      const at = pane.scrollTop;
      pane.scrollTop = at + step;
      const now = await new Promise(requestAnimationFrame);
      frames.push(now - before);
      before = now;
      most = Math.max(most, document.querySelectorAll(".wb-grid-row").length);
      if (pane.scrollTop === at) break;
    }
  }
  return { frames, most };
}"""


def main() -> None:
    """Print both figures and whether they reach their goals."""
    print(machine())
    chromium = shutil.which("chromium")
    if chromium is None:
        sys.exit("There is no chromium here: make browser")
    with (
        running_stack(*PARTS) as deployment,
        tempfile.TemporaryDirectory(prefix="bench-lab-") as folder,
        jupyterlab(Path(folder), WORKBENCH_HOME=str(deployment.settings.home)) as lab,
        sync_playwright() as playwright,
    ):
        await_answer(f"{deployment.settings.app_url}/health")
        fill(deployment.store, RUNS)
        keep_videos(deployment, Path(folder))
        browser = playwright.chromium.launch(executable_path=chromium, args=ARGUMENTS)
        page = browser.new_context(viewport={"width": 1360, "height": 900}).new_page()
        page.set_default_timeout(120_000)
        scrolled = scroll(page, lab)
        loaded = {"its kernel": load(page, lab), "no kernel": load(page, lab, kernel=False)}
        browser.close()
    frames = scrolled["frames"]
    slow = sum(frame > FRAME_MS for frame in frames)
    p50, p95 = percentile(frames, 0.5), percentile(frames, 0.95)
    print(f"{RUNS} runs, {len(frames)} frames: p50 {p50:.1f} ms, p95 {p95:.1f} ms, longest {max(frames):.0f} ms")
    print(f"  rows in the document: at most {scrolled['most']}")
    print(f"frames over {FRAME_MS:.0f} ms: {slow}; goal: none: {told(slow == 0)}")
    for how, pieces in loaded.items():
        total = sum(pieces.values()) / 1e6
        parts = ", ".join(f"{name} {size / 1000:.0f} kB" for name, size in pieces.items())
        print(f"{VIDEOS} videos, {how}: {parts}")
        print(f"  {total:.2f} MB before one is played; goal: under {GOAL_MB:.0f} MB: {told(total < GOAL_MB)}")


def keep_videos(deployment: Deployment, folder: Path) -> None:
    """Clips of two seconds, each other than the others, made by jobs of the experiment ``videos``."""
    for number in range(VIDEOS):
        clip = folder / f"clip-{number}.mp4"
        write_clip(clip, seconds=2.0, size=256, hue=number)
        ref = store_file(deployment, clip, "video")[0]
        assert isinstance(ref, VideoRef)
        job = make_job(experiment="videos")
        deployment.store.create(job)
        deployment.store.apply(whole_run(job.id, {"final": {"video": ref.model_dump(mode="json", by_alias=True)}}))


def scroll(page: Page, lab: Lab) -> dict[str, Any]:
    lab.write("table.ipynb", "pass")
    notebook = Notebook(page, lab, "table.ipynb").open()
    notebook.run(f"{CONNECT}\nwb.runs(limit={RUNS})").locator(".wb-grid-row").first.wait_for()
    time.sleep(2)  # what the opening still has to do is no part of it
    seen: dict[str, Any] = page.evaluate(SCROLL)
    return seen


def load(page: Page, lab: Lab, *, kernel: bool = True) -> dict[str, int]:
    """Bytes by what they are for, from opening the notebook until all of it is drawn and nothing more comes."""
    name = "videos.ipynb"
    if kernel:
        lab.write(name, f"{CONNECT}\nfor job in wb.runs(experiment='videos'):\n    display(job.video)")
        notebook = Notebook(page, lab, name).open()
        page.evaluate("jupyterapp.commands.execute('notebook:run-all-cells')")
        page.locator(".wb-notebook video").nth(VIDEOS - 1).wait_for(state="attached")
        notebook.save()
    else:
        page.evaluate("jupyterapp.shell.currentWidget.context.sessionContext.shutdown()")
    pieces = {"file": 0, "messages": 0, "media": 0}
    kinds: dict[str, str] = {}
    session = page.context.new_cdp_session(page)
    session.send("Network.enable")
    session.send("Network.setCacheDisabled", {"cacheDisabled": True})

    def answered(event: dict[str, Any]) -> None:
        parts = urlsplit(event["response"]["url"])
        own = f"{parts.scheme}://{parts.netloc}" == lab.url
        kinds[event["requestId"]] = "media" if not own else "file" if parts.path.startswith("/api/contents/") else ""

    def finished(event: dict[str, Any]) -> None:
        if kind := kinds.get(event["requestId"]):
            pieces[kind] += int(event["encodedDataLength"])

    def heard(event: dict[str, Any]) -> None:
        pieces["messages"] += len(event["response"]["payloadData"])

    session.on("Network.responseReceived", answered)
    session.on("Network.loadingFinished", finished)
    session.on("Network.webSocketFrameReceived", heard)
    Notebook(page, lab, name).open()
    page.locator(".wb-notebook video").nth(VIDEOS - 1).wait_for(state="attached")
    before = -1
    while before != sum(pieces.values()):
        before = sum(pieces.values())
        page.wait_for_timeout(4000)
    session.detach()
    return pieces


if __name__ == "__main__":
    main()
