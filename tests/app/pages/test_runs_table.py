"""The list of runs as a table in the browser: columns, order, metric filters, the selection and what it does, views."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.app.pages.conftest import Visiting
from tests.app.pages.place import Place
from tests.cli.graphs import document

pytestmark = [pytest.mark.stack, pytest.mark.slow]

VALUES = ("one", "three", "fourteen")


MLFLOW = ("50[23].*/api/mlflow/", "409.*/api/mlflow/")  # it starts last, and records runs after they end


@pytest.fixture
def experiment(place: Place) -> Iterator[str]:
    """An experiment with three finished runs, whose metric is the length of their value."""
    name = f"e{uuid.uuid4().hex[:8]}"
    for job in [place.submit({"a": {"value": value}}, experiment=name) for value in VALUES]:
        place.ended(job)
    yield name


def test_columns_order_and_metric_filters_are_in_the_address(place: Place, visiting: Visiting, experiment: str) -> None:
    visit = visiting(f"/runs?experiment={experiment}")
    visit.expect(*MLFLOW)
    page = visit.page
    expect(page.locator(".wb-row")).to_have_count(3)
    page.get_by_role("button", name="Columns").click()
    page.get_by_role("searchbox", name="Find a parameter or metric").fill("length")
    page.get_by_role("checkbox", name="a.length").check()
    page.get_by_role("searchbox", name="Find a parameter or metric").fill("value")
    page.get_by_role("checkbox", name="a.value").check()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog", name="Columns")).to_be_hidden()
    page.get_by_role("button", name="Sort by length").click()
    expect(page.get_by_role("button", name="Sort by length, now largest first")).to_be_visible()  # more is better
    cells = page.locator('.wb-cell[data-column="metric:a.length"] .wb-cell-value')
    expect(cells).to_have_text(["8", "5", "3"])
    page.get_by_role("button", name="Sort by length").click()
    expect(cells).to_have_text(["3", "5", "8"])
    unfinished = page.locator(".wb-unfinished")
    page.get_by_role("searchbox", name="Metric").fill("a.length>3, length<")
    expect(unfinished).to_contain_text("type a number after “<”")
    page.get_by_role("searchbox", name="Metric").fill("a.length>3, length<8")
    expect(cells).to_have_text(["5"])
    page.reload()
    expect(cells).to_have_text(["5"])
    expect(page.locator('.wb-cell[data-column="param:a.value"] .wb-cell-value')).to_have_text(["three"])
    expect(page.get_by_role("searchbox", name="Metric")).to_have_value("a.length>3, length<8")
    page.go_back()
    expect(page.locator(".wb-row")).to_have_count(3)


def test_a_view_is_saved_and_opened(place: Place, visiting: Visiting, experiment: str) -> None:
    name = f"best {experiment}"
    visit = visiting(f"/runs?experiment={experiment}&metric=a.length>3&column=metric:a.length&sort=-metric:a.length")
    visit.expect(*MLFLOW)
    page = visit.page
    expect(page.locator(".wb-row")).to_have_count(2)
    page.get_by_role("button", name="Views").click()
    page.get_by_role("textbox", name="Name of this view").fill(name)
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("link", name=name)).to_have_attribute("aria-current", "true")
    page.goto("/runs")
    page.get_by_role("button", name="Views").click()
    page.get_by_role("link", name=name).click()
    expect(page.locator('.wb-cell[data-column="metric:a.length"] .wb-cell-value')).to_have_text(["8", "5"])
    page.get_by_role("button", name="Views").click()
    page.get_by_role("button", name=f"Delete the view {name}").click()
    expect(page.get_by_role("link", name=name)).to_have_count(0)


def test_selected_runs_are_compared_marked_exported_and_deleted(
    place: Place, visiting: Visiting, experiment: str
) -> None:
    visit = visiting(f"/runs?experiment={experiment}&sort=metric:a.length&column=metric:a.length")
    visit.expect(*MLFLOW)
    page = visit.page
    boxes = page.locator(".wb-row-item .wb-row-select input")
    expect(boxes).to_have_count(3)
    boxes.nth(0).click()
    bar = page.locator(".wb-selection")
    first = page.locator(".wb-row").first.get_attribute("data-job")
    expect(bar.get_by_role("link", name="Sweep further")).to_have_attribute("href", f"/sweeps?from={first}")
    boxes.nth(2).click(modifiers=["Shift"])
    expect(bar).to_contain_text("3 selected")
    compare = bar.get_by_role("link", name="Compare side by side").get_attribute("href") or ""
    assert compare.startswith("/runs?compare=") and compare.count(",") == 2
    bar.get_by_role("button", name="Rate").click()
    bar.get_by_role("button", name="4 of 5").click()
    expect(page.locator(".wb-rating")).to_have_count(3)
    bar.get_by_role("button", name="Tag", exact=True).click()
    bar.get_by_placeholder("A tag").fill("kept")
    bar.get_by_role("button", name="Add").click()
    expect(page.locator(".wb-row-marks .wb-chip", has_text="kept")).to_have_count(3)
    page.keyboard.press("Escape")
    bar.get_by_role("button", name="Export").click()
    with page.expect_download() as export:
        bar.get_by_role("link", name="JSON").click()
    table = json.loads(export.value.path().read_text())
    assert [row[-1] for row in table["rows"]] == [3.0, 5.0, 8.0] and table["columns"][-1] == "metric:a.length"
    bar.get_by_role("button", name="Clear").click()
    expect(bar).to_be_hidden()
    page.locator(".wb-row").nth(1).focus()
    page.keyboard.press("s")
    expect(page.locator('.wb-star[aria-pressed="true"]')).to_have_count(1)
    page.keyboard.press("2")
    expect(page.get_by_label("Rated 2 of 5")).to_have_count(1)
    page.get_by_role("checkbox", name="Starred").check()
    expect(page.locator(".wb-row")).to_have_count(1)
    page.get_by_role("checkbox", name="Starred").uncheck()
    expect(page.locator(".wb-row")).to_have_count(3)
    page.get_by_role("checkbox", name="Select all runs on this page").check()
    boxes.nth(1).click()
    bar.get_by_role("button", name="Delete…").click()
    bar.get_by_role("button", name="Delete 2 runs").click()
    expect(page.get_by_text("2 runs deleted.")).to_be_visible()
    expect(page.locator(".wb-row")).to_have_count(1)


def test_a_thumbnail_plays_under_the_pointer_and_only_one(place: Place, visiting: Visiting, tmp_path: Path) -> None:
    name = f"e{uuid.uuid4().hex[:8]}"
    for part in range(3):
        (tmp_path / f"gate-{part}").touch()
    film = {"id": "film", "service": "test.film", "params": {"gates": str(tmp_path / "gate-")}}
    for job in [place.order(graph=document(film), experiment=name) for _ in range(2)]:
        place.ended(job)
    visit = visiting(f"/runs?experiment={name}")
    visit.expect(*MLFLOW)
    page = visit.page
    thumbs = page.locator(".wb-thumb")
    expect(thumbs.locator("img")).to_have_count(2)
    thumbs.nth(0).hover()
    expect(thumbs.nth(0).locator("video")).to_have_count(1)
    assert thumbs.nth(0).locator("video").evaluate("video => video.muted && video.loop")
    thumbs.nth(1).hover()
    expect(thumbs.nth(1).locator("video")).to_have_count(1)
    expect(page.locator(".wb-thumb video")).to_have_count(1)
