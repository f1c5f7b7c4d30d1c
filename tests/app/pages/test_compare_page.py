"""The page that compares videos, over the whole stack: from the list of runs to a view in the address."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from tests.app.pages.conftest import Visiting
from tests.app.pages.place import Place
from tests.cli.graphs import document

pytestmark = [pytest.mark.stack, pytest.mark.slow]

READ = """() => [...document.querySelectorAll(".wb-player canvas")].map((canvas) => {
  const { data } = canvas.getContext("2d").getImageData(0, Math.floor(canvas.height / 16), canvas.width, 1);
  const bit = (at) => data[Math.floor(((at + 0.5) / 16) * canvas.width) * 4] > 128 ? 1 : 0;
  let value = 0;
  for (let at = 0; at < 16; at += 1) value = (value << 1) | bit(at);
  return [value >> 4, value & 15];
})"""


def film(place: Place, **params: int) -> str:
    job = place.order(graph=document({"id": "film", "service": "test.numbered", "params": params}))
    place.ended(job)
    return job


@pytest.fixture(scope="module")
def films(place: Place) -> list[str]:
    return [film(place, clip=1), film(place, clip=2), film(place, clip=3, frames=50)]


def shown(page: Page, index: int) -> list[list[int]]:
    """The numbers in all canvases once that index is shown."""
    expect(page.locator(".wb-player")).to_have_attribute("data-index", str(index))
    found: list[list[int]] = page.evaluate(READ)
    return found


def test_selected_runs_are_compared_frame_by_frame_and_the_view_can_be_sent(
    place: Place, visiting: Visiting, films: list[str]
) -> None:
    visit = visiting("/runs")
    visit.expect(r"mlflow/comparison", r"status of 409")  # MLflow may not have recorded them yet
    page = visit.page
    for job in films:
        page.locator(f'[data-item="{job}"] input').check()
    page.get_by_role("link", name="Compare side by side").click()
    assert sorted(clip for _, clip in shown(page, 0)) == [1, 2, 3]

    page.goto(f"/runs?compare={','.join(films)}&at=30")
    assert shown(page, 30) == [[30, 1], [30, 2], [30, 3]]
    page.keyboard.press("ArrowRight")
    assert shown(page, 31) == [[31, 1], [31, 2], [31, 3]]
    expect(page.locator(".wb-player-note")).to_contain_text("lengths differ")
    expect(page.locator(".wb-comparison-facts")).to_contain_text("clip")
    expect(page.locator(".wb-player-label").first).to_contain_text("clip 1")

    page.get_by_role("button", name="Wipe").click()
    page.keyboard.press("Shift+ArrowRight")
    expect(page.locator(".wb-player")).to_have_attribute("data-index", "56")
    page.wait_for_url(re.compile(r"at=56"))
    url = page.url
    assert "mode=wipe" in url
    page.goto("/runs")
    page.goto(url)
    expect(page.locator(".wb-player")).to_have_attribute("data-index", "56")
    expect(page.get_by_role("button", name="Wipe")).to_have_attribute("aria-pressed", "true")
