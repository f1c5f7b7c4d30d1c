"""From an empty home to the first video, with mouse clicks only."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.app.pages.conftest import Visiting
from tests.app.pages.place import Place

pytestmark = [pytest.mark.stack, pytest.mark.models, pytest.mark.slow]


def test_first_video_needs_only_clicks(place: Place, visiting: Visiting) -> None:
    visit = visiting("/runs")  # the first test of this folder: no job has run yet
    page = visit.page
    expect(page.get_by_text("No runs yet")).to_be_visible()
    page.get_by_role("link", name="Make a video").click()
    page.get_by_role("button", name="A first video").click()
    expect(page.locator("#portrait-taken .wb-face")).to_be_visible()
    page.get_by_role("button", name="Generate", exact=True).click()

    badge = page.locator("#monitor .wb-monitor-title .wb-badge")
    expect(badge).to_have_text("Completed", timeout=270_000)
    expect(page).to_have_url(f"{place.url}/?job={page.url.partition('job=')[2]}")
    video = page.locator("#monitor .wb-artifact:not([data-kind=parts]) video")  # which takes the place of the parts
    video.evaluate("video => video.play()")  # like the player's button, which belongs to the browser's own controls
    page.wait_for_function("video => video.duration > 1 && video.currentTime > 0", arg=video.element_handle())
    assert_no_bars(page)
    page.set_viewport_size({"width": 1920, "height": 1080})
    assert_no_bars(page)
    expect(page.locator("#monitor .wb-metrics").get_by_text("identity distance")).to_be_visible()
    expect(page.get_by_role("link", name="MLflow")).to_have_attribute("href", page_of(place, page.url))
    with page.expect_download() as download:
        page.locator("#monitor .wb-files").get_by_role("link", name="Video file: video").click()
    assert download.value.path().read_bytes()[4:8] == b"ftyp"


def assert_no_bars(page: Page) -> None:
    """The player is as wide as its stage, has the shape of the video, and is in view."""
    video = page.locator("#monitor .wb-artifact video")
    player, stage = (one.bounding_box() for one in (video, page.locator("#monitor .wb-stage")))
    assert player is not None and stage is not None and page.viewport_size is not None
    width, height = video.evaluate("video => [video.videoWidth, video.videoHeight]")
    assert player["width"] / player["height"] == pytest.approx(width / height, rel=0.01)
    assert player["width"] == pytest.approx(stage["width"], abs=1)
    assert player["y"] + player["height"] <= page.viewport_size["height"]


def page_of(place: Place, url: str) -> str:
    """The path of the MLflow page for the job at this address."""
    found = place.wait_for(lambda: place.deployment.mlflow_run(url.partition("job=")[2]), 60)
    return str(found).removeprefix(place.url)
