"""A whole stack with its page in a home of its own, and Chromium to look at it.

Both end with this folder: they cost memory, and Playwright's event loop would be in the way of other tests'.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, expect, sync_playwright

from tests.app.pages.place import Place, cookies
from tests.app.pages.visit import Visit
from tests.cli.program import ROOT, stack
from tests.live import free_port
from tests.stack.conditions import wait_for

ARGUMENTS = ["--no-sandbox", "--disable-dev-shm-usage"]
DESK = {"width": 1360, "height": 900}
Visiting = Callable[..., Visit]


@pytest.fixture(scope="package")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """The stack; besides the usual services it has the probes, which tests hold and let go by files."""

    home = tmp_path_factory.mktemp("pages") / "home"
    more = {
        "WORKBENCH_NODE_MODULES": "tests.engine.probe_nodes",
        "PYTHONPATH": str(ROOT),
        "WORKBENCH_METRICS_PORT": str(free_port()),
    }
    with stack(home, **more) as program:
        place = Place(program)
        wait_for(place.answers, 120)
        yield place
        place.close()


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """Debian's Chromium, driven by Playwright."""
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("there is no chromium here, so pages are not tested: `make browser`, or apt-get install chromium")
    expect.set_options(timeout=40_000)  # two cores are shared with seven parts and a browser
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def visiting(browser: Browser, place: Place) -> Iterator[Visiting]:
    """Opens pages, each in a browser profile of its own: ``visiting("/runs", viewport=…)``. At the end of the test none
    may have met anything that it did not expect."""
    visits: list[Visit] = []
    known = cookies(place.settings)

    def opened(path: str = "/", **options: Any) -> Visit:
        context = browser.new_context(**{"viewport": DESK, "base_url": place.url, **options})
        context.add_cookies(known)
        context.set_default_timeout(40_000)
        visits.append(Visit(context.new_page()))
        visits[-1].page.goto(path)
        return visits[-1]

    yield opened
    met = [problem for visit in visits for problem in visit.problems()]
    for visit in visits:
        visit.page.context.close()
    assert met == []


@pytest.fixture
def gate(tmp_path: Path) -> Iterator[Path]:
    """A file for which nodes wait (``gate`` of a probe). A test that fails must not leave the only worker waiting."""
    file = tmp_path / "gate"
    yield file
    file.touch()
