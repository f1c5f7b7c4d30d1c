"""Pictures of the pages for docs/images, taken from a running stack by Chromium.

    .venv/bin/python -m tools.pictures

The page of the stack that runs in this home. The newest completed talking head is shown; make one first.
"""

from __future__ import annotations

import io
import json
import shutil
import sys
import tempfile
import urllib.request
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

from tests.app.pages.place import bearer, cookies
from tests.notebook.widgets.lab import Notebook, jupyterlab
from workbench.settings import Settings, load_settings

FOLDER = Path(__file__).parents[1] / "docs" / "images"
DESK = {"width": 1360, "height": 860}
PHONE = {"width": 390, "height": 844}


def main() -> None:
    """Write generate.jpg, runs.jpg, system.jpg, run-dark.jpg, phone.jpg, and lab.jpg of a JupyterLab of its own."""
    settings = load_settings()
    url, chromium = settings.app_url, shutil.which("chromium")
    if not url or chromium is None:
        sys.exit("There is no page or no chromium: `workbench up --detach`, `make browser`.")
    known = cookies(settings)
    job = newest(settings)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-dev-shm-usage"])
        finished = f"{url}/?from={job}&job={job}"
        with_video = "#monitor .wb-artifact video"
        take(browser, known, finished, with_video, "generate", viewport=DESK)
        take(browser, known, f"{url}/runs", ".wb-row .wb-thumb img", "runs", viewport=DESK)
        take(browser, known, f"{url}/system", ".wb-tile", "system", viewport=DESK)
        take(browser, known, f"{url}/runs?job={job}", ".wb-graph-node", "run-dark", viewport=DESK, color_scheme="dark")
        take(browser, known, finished, with_video, "phone", viewport=PHONE, is_mobile=True)
        take_lab(browser, job)
        browser.close()


def newest(settings: Settings) -> str:
    """Id of the newest talking head that is completed."""
    query = "status=completed&pipeline=talking_head&limit=1"
    asked = urllib.request.Request(f"{settings.app_url}/api/jobs?{query}", headers=bearer(settings))
    with urllib.request.urlopen(asked) as answer:
        jobs = json.load(answer)["jobs"]
    if not jobs:
        sys.exit("There is no finished video to show: `workbench run talking_head --portrait sample --prompt …`.")
    return str(jobs[0]["jobId"])


def take(browser: Browser, known: list[Any], address: str, shown: str, name: str, **options: Any) -> None:
    """Open the address, wait for what is to be seen, and write the picture."""
    context = browser.new_context(**options)
    context.add_cookies(known)
    page = context.new_page()
    page.goto(address)
    page.locator(shown).first.wait_for()
    page.wait_for_load_state("networkidle")
    rest(page)
    save(page.screenshot(), FOLDER / f"{name}.jpg")
    context.close()


def take_lab(browser: Browser, job: str) -> None:
    """A notebook with a table of runs and the job, on the stack of this home."""
    home = str(load_settings().home)
    with (
        tempfile.TemporaryDirectory(prefix="workbench-lab-") as folder,
        jupyterlab(Path(folder), WORKBENCH_HOME=home) as lab,
    ):
        lab.write("voices.ipynb", "from workbench import connect")
        page = browser.new_context(viewport=DESK).new_page()
        notebook = Notebook(page, lab, "voices.ipynb").open()
        page.evaluate("jupyterapp.commands.execute('application:toggle-left-area')")
        page.evaluate("jupyterapp.commands.execute('notebook:run-all-cells')")
        notebook.run("wb = connect()\nwb.runs(limit=3)").locator(".wb-grid-row").first.wait_for()
        notebook.run(f'job = wb.job("{job}")\njob').locator("video").first.wait_for()
        page.evaluate("jupyterapp.shell.currentWidget.content.scrollToItem(1, 'start')")
        rest(page)
        save(page.screenshot(), FOLDER / "lab.jpg")


def rest(page: Page) -> None:
    """A video stands at a frame with an open mouth rather than at its first; nothing is selected or half drawn."""
    page.evaluate(
        """async () => {
          const video = document.querySelector(".wb-artifact video");
          if (video) {
            video.preload = "auto";
            video.load();
            await new Promise((ready) => video.addEventListener("loadeddata", ready, { once: true }));
            video.currentTime = Math.min(1.2, video.duration / 2);
            await new Promise((ready) => video.addEventListener("seeked", ready, { once: true }));
          }
          document.activeElement?.blur();
          const drawn = (image) => image.decode().catch(() => null);
          await Promise.all([...document.images].filter((one) => one.loading !== "lazy").map(drawn));
          window.scrollTo(0, 0);
        }"""
    )
    page.wait_for_timeout(2000)  # the video's own spinner and controls fade out


def save(png: bytes, path: Path) -> None:
    """As a JPEG whose colours are not thinned out: a third of the size."""
    with Image.open(io.BytesIO(png)) as picture:
        picture.convert("RGB").save(path, quality=86, subsampling=0, optimize=True)
    print(f"{path}: {path.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
