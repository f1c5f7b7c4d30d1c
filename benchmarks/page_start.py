"""How long after the server is up the page Generate can be used: Chromium with an empty profile, opened cold.

    python -m benchmarks.page_start [rounds]

A real stack in a throw-away home. Once ``/health`` answers, each round opens the page in a new browser context, without
anything cached, and waits until the pipelines' cards are drawn and Generate can be pressed. The first round is the
first page that this server ever serves. Beside the whole are its pieces by the browser's own clock: when the document,
the last of Gradio's files, the last of our modules and the last answer of the API had come, and how much was fetched.
Chromium runs on the same cores.
"""

from __future__ import annotations

import shutil
import sys
import time
from typing import Any

from playwright.sync_api import Browser, sync_playwright

from benchmarks.bench_stack import running_stack
from benchmarks.measure import machine, percentile, told
from benchmarks.watchers import await_answer
from tests.app.pages.place import cookies

GOAL_S = 2.0
PARTS = ("bus", "objects", "sql", "control", "worker", "app")
USABLE = """() => document.querySelector("#field-pipeline .wb-card[data-pipeline]")
  && document.querySelector("#generate:not([disabled])") && performance.now()"""
PIECES = """() => {
  const page = performance.getEntriesByType("navigation")[0];
  const all = performance.getEntriesByType("resource");
  const of = (test) => all.filter((one) => test(new URL(one.name).pathname));
  const last = (list) => Math.max(0, ...list.map((one) => one.responseEnd));
  const files = of((path) => /\\.(js|css)$/.test(path) && !path.startsWith("/web/"));
  const ours = of((path) => path.startsWith("/web/"));
  const calls = of((path) => path.startsWith("/api/"));
  return {
    document: page.responseEnd, gradio: last(files), ours: last(ours), api: last(calls),
    files: files.length, oursFiles: ours.length,
    kB: [page, ...all].reduce((sum, one) => sum + one.transferSize, 0) / 1000,
  };
}"""


def open_page(browser: Browser, url: str, known: list[Any]) -> dict[str, float]:
    """Milliseconds from navigation to the pieces and to usable."""
    context = browser.new_context(viewport={"width": 1360, "height": 900})
    context.add_cookies(known)
    page = context.new_page()
    began = time.perf_counter()
    page.goto(url, wait_until="commit")
    usable = page.wait_for_function(USABLE, polling="raf", timeout=60_000).json_value()
    seen: dict[str, Any] = page.evaluate(PIECES)
    wall = (time.perf_counter() - began) * 1000
    context.close()
    return {**seen, "usable": float(usable), "wall": wall}


def main(rounds: int = 7) -> None:
    """Print the pieces and whether the whole reaches the goal."""
    print(machine())
    chromium = shutil.which("chromium")
    if chromium is None:
        sys.exit("There is no chromium here: make browser")
    with running_stack(*PARTS) as deployment, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-dev-shm-usage"])
        await_answer(f"{deployment.settings.app_url}/health")
        known = cookies(deployment.settings)
        seen = [open_page(browser, deployment.settings.app_url, known) for _ in range(rounds)]
        browser.close()

    def p50(name: str) -> float:
        return percentile([one[name] for one in seen], 0.5)

    print(f"first page of a new server {seen[0]['usable'] / 1000:.2f} s; then p50 of all {rounds}:")
    print(f"  document            {p50('document'):6.0f} ms")
    print(f"  Gradio's files      {p50('gradio'):6.0f} ms, {p50('files'):.0f} of them")
    print(f"  our modules         {p50('ours'):6.0f} ms, {p50('oursFiles'):.0f} of them")
    print(f"  answers of the API  {p50('api'):6.0f} ms")
    print(f"  fetched             {p50('kB'):6.0f} kB")
    usable = p50("usable") / 1000
    print(f"usable p50 {usable:.2f} s, most {max(one['usable'] for one in seen) / 1000:.2f} s")
    print(f"goal {GOAL_S:.0f} s: {told(usable < GOAL_S)}")


if __name__ == "__main__":
    main(*(int(given) for given in sys.argv[1:]))
