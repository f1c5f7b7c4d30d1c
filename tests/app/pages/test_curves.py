"""The curve of a training: while it runs, after a reload, and two of them in a comparison."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.app.pages.conftest import Visiting
from tests.app.pages.place import Place
from tests.cli.graphs import document

pytestmark = [pytest.mark.stack, pytest.mark.slow]


def train(place: Place, **params: object) -> str:
    return place.order(graph=document({"id": "train", "service": "probe.training", "params": params}))


def plot(page: Page, step: int) -> Locator:
    """The chart of the loss, once it shows that step as the last one."""
    return page.get_by_role("img", name=re.compile(rf"^loss: 0\.\d+ at step {step}, from [\d.]+; (its )?lowest"))


def test_a_curve_grows_survives_a_reload_and_is_compared(place: Place, visiting: Visiting, gate: Path) -> None:
    job = train(place, steps=180, gate=str(gate), gate_step=120)
    page = visiting(f"/?job={job}").page
    expect(plot(page, 120)).to_be_visible()
    page.reload()
    expect(plot(page, 120)).to_be_visible()
    gate.touch()
    expect(plot(page, 180)).to_be_visible()
    expect(page.locator('.wb-line[data-status="completed"]')).to_have_count(1)
    expect(page.locator(".wb-curve-more > summary")).to_have_text("Curve of learning rate")

    chart = plot(page, 180)
    chart.hover(position={"x": 200, "y": 60})
    reading = page.locator(".wb-curve-reading").first
    expect(reading).to_have_text(re.compile(r"^step \d+: \d\.\d+$"))
    chart.focus()
    page.mouse.move(0, 0)
    page.keyboard.press("ArrowLeft")
    expect(reading).to_be_visible()
    page.locator(".wb-curve-table summary").first.click()
    rows = page.locator(".wb-curve-table").first.locator("tbody tr")
    expect(rows.first.get_by_role("rowheader")).to_have_text("1")
    expect(rows.last.get_by_role("rowheader")).to_have_text("180")

    other = train(place, steps=90, rate=0.03)
    place.ended(other)
    page.goto(f"/runs?compare={job},{other}")
    both = page.locator('.wb-curve[data-metric="train.loss"]')
    expect(both.locator(".wb-curve-line")).to_have_count(2)
    expect(both.locator(".wb-curve-key")).to_have_count(2)
    assert re.search(r"train\.loss 0\.\d+ at step 180, from \d", place.program.run("job", "show", job))
