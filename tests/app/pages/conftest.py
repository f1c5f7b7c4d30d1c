"""A whole stack with its page in its own home, and Chromium to open it.

The tests of notebook widgets share them. Both end after those tests: they cost memory, and Playwright's event loop
would disturb other tests.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from tests.app.pages.place import Place, cookies
from tests.app.pages.visit import Visit
from tests.cli.program import ROOT, stack
from tests.kept import KEPT
from tests.live import cancel_unfinished, free_port
from tests.stack.conditions import wait_for
from workbench.embedded.part import START_TIMEOUT_S

ARGUMENTS = ["--no-sandbox", "--disable-dev-shm-usage", "--process-per-site"]
DESK = {"width": 1360, "height": 900}
STYLE = ("color_scheme", "reduced_motion")
PATIENCE_MS = 90_000  # two cores are shared by seven servers, a browser and other tests
Visiting = Callable[..., Visit]


@contextmanager
def running_place(home: Path) -> Iterator[Place]:
    more = {
        "WORKBENCH_NODE_MODULES": "tests.engine.probe_nodes,tests.app.pages.film",
        "PYTHONPATH": str(ROOT),
        "WORKBENCH_METRICS_PORT": str(free_port()),
        "WORKBENCH_CONSENT": "",  # the pages and forms ask for it
    }
    with stack(home, **more) as program:
        place = Place(program)
        wait_for(place.answers, START_TIMEOUT_S)
        yield place
        place.close()


@pytest.fixture(scope="package")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    """The stack, with the usual services and the probes, which tests pause and resume through files."""
    return KEPT.get("place", lambda: running_place(tmp_path_factory.mktemp("place") / "home"))


@pytest.fixture(scope="package")
def browser() -> Browser:
    """Debian's Chromium, driven by Playwright."""
    return KEPT.get("browser", running_browser)


@contextmanager
def running_browser() -> Iterator[Browser]:
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("Chromium is not installed, so pages are not tested: `make browser`, or apt-get install chromium")
    expect.set_options(timeout=PATIENCE_MS)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=ARGUMENTS)
        yield browser
        browser.close()


def new_profile(browser: Browser, place: Place, **options: Any) -> BrowserContext:
    context = browser.new_context(**{"viewport": DESK, "base_url": place.url, **options})
    context.add_cookies(cookies(place.settings))
    context.set_default_timeout(PATIENCE_MS)
    return context


@pytest.fixture(scope="package")
def _kept(browser: Browser, place: Place) -> Iterator[BrowserContext]:
    """The profile of most visits. An open page keeps its renderer alive: in a new profile, each visit compiles all of
    Gradio's scripts again, which takes half of the time."""
    context = new_profile(browser, place)
    context.new_page().goto("/health")
    yield context
    context.close()


@pytest.fixture
def visiting(browser: Browser, place: Place, _kept: BrowserContext) -> Iterator[Visiting]:
    """Opens pages: ``visiting("/runs", viewport=…)``. The first page of a test uses the shared profile, emptied;
    each other page has its own, as does one with options other than size and style. At the end of the test, no page
    may have reported an unexpected problem."""
    visits: list[Visit] = []
    own: list[BrowserContext] = []

    def opened(path: str = "/", **options: Any) -> Visit:
        if len(visits) > len(own) or options.keys() - {"viewport", *STYLE}:
            own.append(new_profile(browser, place, **options))
            page = own[-1].new_page()
        else:
            page = _kept.new_page()
            empty(page, place)
            page.set_viewport_size(options.get("viewport", DESK))
            page.emulate_media(**{name: value for name, value in options.items() if name in STYLE})
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
    """Remove the data of earlier pages from the profile; its file cache stays."""
    page.context.clear_cookies()
    page.context.add_cookies(cookies(place.settings))
    kinds = "local_storage,indexeddb,cache_storage,service_workers"
    session = page.context.new_cdp_session(page)
    session.send("Storage.clearDataForOrigin", {"origin": place.url, "storageTypes": kinds})
    session.detach()


@pytest.fixture(autouse=True)
def _nothing_left(request: pytest.FixtureRequest) -> Iterator[None]:
    """Cancel the jobs of a test after it, even if it fails."""
    yield
    if "place" in request.fixturenames:
        cancel_unfinished(request.getfixturevalue("place").deployment)


@pytest.fixture
def gate(tmp_path: Path) -> Iterator[Path]:
    """A file that nodes wait for (``gate`` of a probe). A failed test must not leave the only worker waiting."""
    file = tmp_path / "gate"
    yield file
    file.touch()
