"""A comparison as one file: it opens from a disk without a network, and every canvas shows the frame of the clock."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.app.pages.numbered import write_numbered
from tests.app.pages.place import Place
from tests.app.pages.test_compare_page import film, shown

pytestmark = [pytest.mark.stack, pytest.mark.slow]


@pytest.fixture
def offline(browser: Browser) -> Iterator[Page]:
    """A page without a network; any request of another kind than the file fails the test."""
    context = browser.new_context(offline=True, viewport={"width": 1360, "height": 900})
    asked: list[str] = []
    problems: list[str] = []
    page = context.new_page()
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: problems.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: problems.append(str(error)))
    yield page
    context.close()
    assert not [url for url in asked if not url.startswith(("file:", "data:", "blob:"))]
    assert not problems


def test_a_comparison_is_one_file_with_the_frame_locked_player(place: Place, offline: Page, tmp_path: Path) -> None:
    runs = [film(place, clip=4), film(place, clip=5)]
    outside = write_numbered(tmp_path / "real <take>.mp4", 6, frames=100)
    target = tmp_path / "deep" / "comparison.html"
    found = place.program.json("compare", *runs, str(outside), "--html", str(target))
    assert [video["label"] for video in found["videos"]] == ["clip 4", "clip 5", "real take.mp4"]

    offline.goto(target.as_uri())
    expect(offline.locator(".wb-player-label").first).to_contain_text("clip 4")
    expect(offline.locator("main")).to_contain_text("Differences")
    assert shown(offline, 0) == [[0, 4], [0, 5], [0, 6]]
    wrong = 0
    for index in (1, 57, 99, 23):
        offline.evaluate("([hash]) => { location.hash = hash; location.reload(); }", [f"at={index}"])
        expect(offline.locator(".wb-player")).to_have_attribute("data-index", str(index))
        wrong += shown(offline, index) != [[index, 4], [index, 5], [index, 6]]
    print(f"{wrong} of 4 views wrong")
    assert wrong == 0
    offline.keyboard.press("ArrowRight")
    assert shown(offline, 24) == [[24, 4], [24, 5], [24, 6]]


def test_a_comparison_is_a_table_on_the_command_line(place: Place) -> None:
    runs = [film(place, clip=4), film(place, clip=5)]
    ended = place.program.try_("compare", *runs)
    assert ended.code == 0 and "clip 4" in ended.out and "film.clip" in ended.out
    refused = place.program.try_("compare", runs[0], "--json")
    assert refused.code == 2 and refused.error["code"] == "request.invalid"
