"""What a stack costs while nothing runs: shares of a core by part, without a page and with one open in Chromium.

    python -m benchmarks.idle [seconds]

A whole stack in a throw-away home. After everything is up and quiet, the CPU time of each part and of what runs below
it is read, and again after so many seconds (60); then the same while a browser shows Generate. CPU time depends little
on what else the machine does.
"""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Mapping

import psutil
from playwright.sync_api import sync_playwright

from benchmarks.bench_stack import running_stack
from benchmarks.measure import machine, told
from benchmarks.page_start import USABLE
from benchmarks.watchers import await_answer
from tests.app.pages.place import cookies
from tests.stack.conditions import wait_for
from workbench.client.deployment import Deployment
from workbench.embedded.stack import status

GOAL_PERCENT = 1.0  # of a core, for the app
SETTLE_S = 20.0  # MLflow and the models of the workers are loaded, caches are filled


def processes(deployment: Deployment) -> dict[str, list[psutil.Process]]:
    """The processes of each part, with those below it."""
    parts = [part for part in status(deployment.settings.home).parts if part.pid]
    found = {part.name: [psutil.Process(part.pid)] for part in parts if part.pid}
    return {name: [*own, *own[0].children(recursive=True)] for name, own in found.items()}


def cpu_s(parts: Mapping[str, list[psutil.Process]]) -> dict[str, float]:
    """Seconds of CPU time that each part has used, in the program and in the kernel."""
    return {name: sum(sum(one.cpu_times()[:2]) for one in own) for name, own in parts.items()}


def idle_percent(deployment: Deployment, seconds: float) -> dict[str, float]:
    """Percent of a core by part, over so many seconds."""
    parts = processes(deployment)
    began, before = time.monotonic(), cpu_s(parts)
    time.sleep(seconds)
    after, took = cpu_s(parts), time.monotonic() - began
    return {name: 100 * (after[name] - before[name]) / took for name in parts}


def report(deployment: Deployment, seconds: float) -> None:
    """Print the shares without and with a page, and whether the app reaches the goal."""
    bare = idle_percent(deployment, seconds)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-dev-shm-usage"]
        )
        context = browser.new_context(viewport={"width": 1360, "height": 900})
        context.add_cookies(cookies(deployment.settings))
        page = context.new_page()
        page.goto(deployment.settings.app_url)
        page.wait_for_function(USABLE, timeout=60_000)
        time.sleep(SETTLE_S)
        opened = idle_percent(deployment, seconds)
        browser.close()
    print(f"{'percent of a core':20} no page  page open")
    for name, share in bare.items():
        print(f"{name:20} {share:7.2f}  {opened[name]:9.2f}")
    print(f"{'all':20} {sum(bare.values()):7.2f}  {sum(opened.values()):9.2f}")
    print(f"goal for the app {GOAL_PERCENT:.0f} %: {told(max(bare['app'], opened['app']) < GOAL_PERCENT)}")


def main(seconds: float = 60.0) -> None:
    print(machine())
    with running_stack() as deployment:
        await_answer(f"{deployment.settings.app_url}/health")
        wait_for(lambda: all(part.state == "up" for part in status(deployment.settings.home).parts))
        time.sleep(SETTLE_S)
        report(deployment, seconds)


if __name__ == "__main__":
    main(*(float(given) for given in sys.argv[1:]))
