"""A whole stack with its page in a home of its own, and Chromium to look at it.

Both end with this folder: they cost memory, and Playwright's event loop would be in the way of other tests'.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from tests.app.pages.place import Place, cookies
from tests.app.pages.visit import Visit
from tests.cli.program import ROOT, stack
from tests.live import free_port
from tests.stack.conditions import wait_for

ARGUMENTS = ["--no-sandbox", "--disable-dev-shm-usage", "--process-per-site"]
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


def new_profile(browser: Browser, place: Place, **options: Any) -> BrowserContext:
    context = browser.new_context(**{"viewport": DESK, "base_url": place.url, **options})
    context.add_cookies(cookies(place.settings))
    context.set_default_timeout(40_000)
    return context


@pytest.fixture(scope="package")
def _kept(browser: Browser, place: Place) -> Iterator[BrowserContext]:
    """The profile of most visits. A page in it keeps its renderer alive: in a new one each visit compiles all of
    Gradio's scripts again, which takes half of its time."""
    context = new_profile(browser, place)
    context.new_page().goto("/health")
    yield context
    context.close()


@pytest.fixture
def visiting(browser: Browser, place: Place, _kept: BrowserContext) -> Iterator[Visiting]:
    """Opens pages: ``visiting("/runs", viewport=…)``. The first one of a test that gives no options finds the kept
    profile emptied; each other one has a profile of its own. At the end of the test none may have met anything that it
    did not expect."""
    visits: list[Visit] = []
    own: list[BrowserContext] = []

    def opened(path: str = "/", **options: Any) -> Visit:
        if options or len(visits) > len(own):
            own.append(new_profile(browser, place, **options))
            page = own[-1].new_page()
        else:
            page = _kept.new_page()
            empty(page, place)
        visits.append(Visit(page))
        page.goto(path)
        return visits[-1]

    yield opened
    met = [problem for visit in visits for problem in visit.problems()]
    for context in own:
        context.close()
    for page in _kept.pages[1:]:
        page.close()
    assert met == []


def empty(page: Page, place: Place) -> None:
    """What earlier pages left in the profile; its cache of files stays."""
    page.context.clear_cookies()
    page.context.add_cookies(cookies(place.settings))
    kinds = "local_storage,indexeddb,cache_storage,service_workers"
    session = page.context.new_cdp_session(page)
    session.send("Storage.clearDataForOrigin", {"origin": place.url, "storageTypes": kinds})
    session.detach()


@pytest.fixture
def gate(tmp_path: Path) -> Iterator[Path]:
    """A file for which nodes wait (``gate`` of a probe). A test that fails must not leave the only worker waiting."""
    file = tmp_path / "gate"
    yield file
    file.touch()
