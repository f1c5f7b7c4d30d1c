"""The page Runs of ``runs_list`` in Chromium: the longest task of each action, and the time until the list is drawn."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from typing import Any

_OBSERVE = """
window.__tasks = [];
new PerformanceObserver((list) => window.__tasks.push(...list.getEntries().map((one) => one.duration)))
  .observe({ type: "longtask", buffered: true });
"""
_COLUMNS = ("evaluate.wer", "evaluate.identity", "animate.sway", "speech.voice")


def longest_tasks(url: str) -> float:
    """Print the longest task of each action on the list, in milliseconds, and return the longest of all.

    Opening is told apart: it loads and compiles Gradio, which every page of the app does.
    """
    from playwright.sync_api import sync_playwright

    chromium = shutil.which("chromium")
    if chromium is None:
        print("Chromium is not installed; the page is not measured")
        return 0.0
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1360, "height": 900})
        page.add_init_script(_OBSERVE)
        longest = 0.0

        def measured(what: str, act: Callable[[], Any], *, counted: bool = True) -> None:
            nonlocal longest
            page.evaluate("window.__tasks = []") if page.url != "about:blank" else None
            began = time.perf_counter()
            act()
            took = (time.perf_counter() - began) * 1e3
            page.wait_for_timeout(700)  # for tasks that follow, and for the observer to tell them
            task = max(page.evaluate("window.__tasks"), default=0.0)
            longest = max(longest, task) if counted else longest
            print(f"  {what:46} {took:7.0f} ms   longest task {task:5.0f} ms", flush=True)

        def asked(act: Callable[[], Any], path: str = "/api/jobs?") -> Callable[[], Any]:
            """Act, and wait until the answer of the list is drawn."""

            def both() -> None:
                with page.expect_response(lambda answer: path in answer.url) as answered:
                    act()
                answered.value.finished()
                page.evaluate("new Promise((done) => requestAnimationFrame(() => setTimeout(done)))")

            return both

        def opened() -> None:
            page.goto(f"{url}/runs")
            page.wait_for_selector(".wb-row")

        measured("opened (not counted: loads Gradio)", opened, counted=False)
        page.wait_for_timeout(3000)
        measured("older", asked(lambda: page.get_by_role("button", name="Older").click()))
        measured("the popover of columns", lambda: _columns(page))
        for name in _COLUMNS:
            measured(f"column {name}", asked(lambda name=name: page.get_by_role("checkbox", name=name).check()))
        page.keyboard.press("Escape")
        measured("sorted by wer", asked(lambda: page.get_by_role("button", name="Sort by wer").click()))
        measured("sorted by wer, largest first", asked(lambda: page.get_by_role("button", name="Sort by wer").click()))
        measured("metric<=0.1", asked(lambda: page.get_by_role("searchbox", name="Metric").fill("evaluate.wer<=0.1")))
        measured("no metric", asked(lambda: page.get_by_role("searchbox", name="Metric").fill("")))
        measured("page selected", lambda: page.get_by_label("Select all runs on this page").check())
        measured("all selected", asked(lambda: page.get_by_role("button", name="Select all").click(), "/api/job-ids"))
        measured("all cleared", lambda: page.get_by_role("button", name="Clear").click())
        measured("scrolled", lambda: [page.mouse.wheel(0, 300) for _ in range(8)])
        browser.close()
    return longest


def _columns(page: Any) -> None:
    page.get_by_role("button", name="Columns").click()
    page.wait_for_selector(".wb-column-choice")
