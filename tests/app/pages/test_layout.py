"""Where things are on a page: what is in view, how wide screens are used, what moves, and what a finger can hit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.app.pages.conftest import Visiting
from tests.app.pages.place import Place

pytestmark = [pytest.mark.stack, pytest.mark.slow]

DESK = {"width": 1360, "height": 860}
WIDE = {"width": 1920, "height": 1080}
PHONE = {"width": 390, "height": 844}
SHOWN = "html[data-shown]"
LAYOUT = Path(__file__).with_name("layout.js")
FINGER_PX = 44


def box(element: Locator) -> dict[str, float]:
    expect(element).to_be_visible()
    found = element.bounding_box()
    assert found is not None
    return dict(found)


def shown(page: Page) -> Page:
    """The page after its content was shown, with the functions of ``layout.js``."""
    expect(page.locator(SHOWN)).to_have_count(1)
    page.add_script_tag(path=LAYOUT)
    return page


def paths(place: Place, gate: Path) -> dict[str, str]:
    """Each page by name: with content, and with a job that runs until the gate opens."""
    job = place.submit({"first": {}, "held": {"gate": str(gate)}}, [("first", "held")])
    return {
        "Generate": "/",
        "Generate with a job": f"/?job={job}",
        "Runs": "/runs",
        "run": f"/runs?job={job}",
        "System": "/system",
    }


def test_generate_and_the_running_job_are_in_view(place: Place, visiting: Visiting, gate: Path) -> None:
    page = visiting(paths(place, gate)["Generate with a job"], viewport=DESK).page
    expect(page.locator('.wb-line[data-status="running"]')).to_be_visible()
    in_view = {
        name: box(page.locator(name))
        for name in ("#generate", "#field-consent", "#monitor .wb-stage", "#monitor .wb-monitor-head", ".wb-lines")
    }
    below = {name: one for name, one in in_view.items() if one["y"] < 0 or one["y"] + one["height"] > DESK["height"]}
    assert below == {}
    page.locator("#field-parameters summary").first.click()  # a longer form scrolls, and the button stays
    expect(page.locator("#field-parameters .wb-fields").first).to_be_visible()
    button = box(page.locator("#generate"))
    assert button["y"] >= 0 and button["y"] + button["height"] <= DESK["height"]


def test_only_the_fields_of_the_pipeline_are_shown(visiting: Visiting) -> None:
    page = visiting().page
    expect(page.locator("#field-portrait")).to_be_visible()
    for name in ("#field-voice", "#field-ref-text", "#fill-ref-text"):
        expect(page.locator(name)).to_be_hidden()
    page.locator('.wb-card[data-pipeline="infinitetalk"]').click()
    for name in ("#field-voice", "#field-ref-text", "#fill-ref-text"):
        expect(page.locator(name)).to_be_visible()
    expect(page.get_by_label("My recording")).to_have_count(0)
    page.locator('.wb-card[data-pipeline="talking_head"]').click()
    expect(page.locator("#field-voice")).to_be_hidden()


def test_a_desk_is_used_to_its_edges_and_nothing_moves_while_a_page_loads(
    place: Place, visiting: Visiting, gate: Path
) -> None:
    page = visiting("/health", viewport=WIDE).page
    margins, moved = {}, {}
    for name, path in paths(place, gate).items():
        page.goto(path)
        left, right = shown(page).evaluate("extent()")
        margins[name] = max(left, WIDE["width"] - right)
        moved[name] = page.evaluate("layoutShift()")
    assert {name: value for name, value in margins.items() if value > 60} == {}
    assert {name: value for name, value in moved.items() if value >= 0.1} == {}


def test_a_phone_shows_controls_that_a_finger_can_hit(place: Place, visiting: Visiting, gate: Path) -> None:
    """Each page is loaded in a new profile, without horizontal scrolling and without moving its content."""
    page = visiting("/health", viewport=PHONE, has_touch=True, is_mobile=True).page
    found: dict[str, Any] = {}
    for name, path in paths(place, gate).items():
        page.goto(path)
        shown(page)
        moved = page.evaluate("layoutShift()")
        page.evaluate("unfold()")
        small = page.evaluate("smallControls", FINGER_PX)
        width = page.evaluate("document.documentElement.scrollWidth")
        found[name] = {"small": small, "wide": max(0, width - PHONE["width"]), "moved": moved if moved >= 0.1 else 0}
    assert found == {name: {"small": [], "wide": 0, "moved": 0} for name in found}
