"""The page Sweeps: the form with its live plan, the wall of cells while they run, and the state in the address."""

from __future__ import annotations

import re
import uuid
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.app.pages.conftest import Visiting
from tests.app.pages.place import Place
from tests.app.pages.test_layout import FINGER_PX, LAYOUT

pytestmark = [pytest.mark.stack, pytest.mark.slow]

PHONE = {"width": 390, "height": 844}


def cells(page: Page, status: str = "") -> Locator:
    return page.locator(f'.wb-cell[data-status="{status}"]' if status else ".wb-cell")


def started(place: Place, **more: Any) -> str:
    """A sweep of the cheapest pipeline that ends with a video, two values by two seeds; return its id."""
    portrait = place.post("/api/uploads/sample")["ref"]["sha256"]
    spec = {
        "name": f"s{uuid.uuid4().hex[:8]}",
        "pipeline": "talking_head",
        "options": {"portrait": portrait, "script": f"Yes {uuid.uuid4().hex[:3]}."},
        "leaveOut": ["upscale"],
        "params": {"animate": {"fps": 10}},
        "axes": [{"param": "animate.sway", "values": [0, 1]}, {"seeds": 2}],
        **more,
    }
    return str(place.post("/api/sweeps", json={"spec": spec})["id"])


def ended(place: Place, sweep: str) -> dict[str, Any]:
    def final() -> dict[str, Any] | None:
        found = dict(place.get(f"/api/sweeps/{sweep}"))
        return found if found["state"] != "running" else None

    found = place.wait_for(final)
    assert isinstance(found, dict)
    return found


def test_a_sweep_is_planned_refused_started_and_watched(place: Place, visiting: Visiting) -> None:
    visit = visiting("/sweeps?new=1")
    visit.expect("422", "/api/sweeps/plan")  # a plan of an unfinished form
    page = visit.page
    expect(page.get_by_role("heading", name="New sweep")).to_be_visible()
    expect(page.get_by_text("Nothing varies yet")).to_be_visible()
    page.get_by_text("Start from a text or a draft").click()
    name = f"s{uuid.uuid4().hex[:8]}"
    text = (
        f"name: {name}\npipeline: talking_head\nleaveOut: [upscale]\noptions: {{script: Yes.}}\n"
        "params: {animate: {fps: 10}}\naxes:\n  - param: animate.sway\n    values: [0, 9]\n"
    )
    page.get_by_label("Spec as YAML or JSON").fill(text)
    page.get_by_role("button", name="Use this text").click()
    expect(page.locator('[data-field="portrait"] .wb-field-problem')).to_contain_text("is missing")
    page.locator('.wb-field[data-field="portrait"]').get_by_role("button", name="Sample").click()
    sway = page.get_by_role("region", name="Animation: Sway")
    expect(sway.locator(".wb-field-problem")).to_contain_text("less than or equal to 2")
    sway.get_by_label("Values of").fill("0, one")
    expect(sway.locator(".wb-field-problem")).to_have_text("“one” is not a number.")
    sway.get_by_label("Values of").fill("0, 1")
    page.get_by_label("Add what varies").select_option("seeds")
    page.get_by_role("region", name="Seeds").get_by_role("textbox").fill("2")
    go = page.get_by_role("button", name="Run 4 jobs")
    expect(go).to_be_enabled()
    expect(page.locator(".wb-plan")).to_contain_text("repeats are saved, because cells share nodes")
    page.get_by_text("As text").click()
    expect(page.locator(".wb-sweep-plan pre")).to_contain_text("- seeds: 2")
    go.click()
    expect(page).to_have_url(re.compile(r"/sweeps\?sweep=sweep-[\w-]+$"))
    expect(cells(page)).to_have_count(4)
    expect(page.locator(".wb-run-title .wb-badge")).to_have_text("Completed")  # live, without a reload
    expect(cells(page, "completed").locator("img")).to_have_count(4)
    page.get_by_role("link", name="All sweeps").click()
    row = page.locator(".wb-sweep-row", has_text=name)
    expect(row).to_contain_text("4 of 4 completed")
    row.click()
    expect(page.get_by_role("heading", name=name)).to_be_visible()


def test_the_address_holds_what_the_wall_shows(place: Place, visiting: Visiting) -> None:
    sweep = started(place)
    found = ended(place, sweep)
    assert found["state"] == "completed"
    page = visiting(f"/sweeps?sweep={sweep}").page
    expect(cells(page, "completed")).to_have_count(4)
    expect(page.get_by_role("columnheader", name="1", exact=True)).to_be_visible()
    page.get_by_label("Columns").select_option("-")
    expect(page).to_have_url(re.compile(r"rows=animate.sway&columns=-"))
    page.get_by_label("seed", exact=True).select_option("1")
    expect(cells(page)).to_have_count(2)
    metric = page.get_by_label("Colour by")
    metric.select_option(index=1)
    expect(page.locator(".wb-legend")).to_be_visible()
    page.reload()
    expect(cells(page)).to_have_count(2)
    expect(page.locator(".wb-legend")).to_be_visible()
    page.get_by_role("button", name="Play all").click()
    videos = page.locator(".wb-cell video")
    expect(videos).to_have_count(2)
    assert videos.evaluate_all("(all) => all.every((one) => one.muted && one.loop)")
    page.get_by_role("button", name="Stop all").click()
    expect(videos).to_have_count(0)
    for index in (0, 1):
        cells(page).nth(index).get_by_role("checkbox").check(force=True)
    jobs = [cell["job"] for cell in found["table"] if cell["at"][1] == 1]
    expect(page.locator(".wb-picks").get_by_role("link", name="Compare")).to_have_attribute(
        "href", f"/runs?compare={','.join(jobs)}"
    )
    for _ in range(4):
        page.go_back()
    expect(page.locator(".wb-picks")).to_be_hidden()
    page.goto(f"/sweeps?sweep={sweep}")
    cells(page).first.locator("a").click()
    expect(page.locator(".wb-run-title")).to_be_visible()
    page.get_by_role("link", name="Sweep further").click()
    expect(page.get_by_text("Starts from the run")).to_be_visible()
    expect(page.locator('.wb-field[data-field="script"] textarea')).to_have_value(re.compile("^Yes "))


def test_a_sweep_is_paused_extended_and_deleted(place: Place, visiting: Visiting) -> None:
    sweep = started(place, atOnce=1)
    visit = visiting(f"/sweeps?sweep={sweep}")
    page = visit.page
    page.get_by_role("button", name="Pause").click()
    expect(page.locator(".wb-run-title .wb-badge")).to_have_text("Paused")
    page.get_by_role("button", name="Resume").click()
    expect(page.locator(".wb-run-title .wb-badge")).not_to_have_text("Paused")
    page.get_by_role("link", name="Extend").click()
    seeds = page.get_by_role("region", name="Seeds").get_by_role("textbox")
    expect(seeds).to_have_value("2")
    seeds.fill("3")
    page.get_by_role("button", name="Add 2 cells").click()
    expect(cells(page)).to_have_count(6)
    page.get_by_role("button", name="Cancel").click()
    expect(page.locator(".wb-run-title .wb-badge")).to_have_text("Cancelled")
    ended(place, sweep)
    place.wait_for(
        lambda: all(
            cell["status"] in (None, "cancelled", "completed", "failed")
            for cell in place.get(f"/api/sweeps/{sweep}")["table"]
        )
    )
    page.get_by_role("button", name="Delete…").click()
    visit.expect("404")  # jobs that were never submitted, and the sweep after its end
    page.get_by_role("group", name="Delete this sweep?").get_by_role("button", name="Delete").click()
    expect(page.get_by_role("link", name="New sweep").first).to_be_visible()
    expect(page.locator(f'[data-sweep="{sweep}"]')).to_have_count(0)
    page.goto(f"/sweeps?sweep={sweep}")
    expect(page.get_by_text("There is no such sweep")).to_be_visible()


def test_a_wall_of_a_thousand_cells_is_drawn_where_it_is_looked_at(visiting: Visiting) -> None:
    axes = [{"name": name, "labels": [str(at) for at in range(count)]} for name, count in (("a", 50), ("b", 20))]
    table = [
        {"index": 20 * a + b, "at": [a, b], "job": f"job-{a}-{b}", "status": "queued", "progress": 0, "metrics": {}}
        for a in range(50)
        for b in range(20)
    ]
    line = {"id": "sweep-1", "name": "large", "state": "paused", "owner": "local", "pipeline": "p", "experiment": "e"}
    plan = {"axes": axes, "cells": 1000, "nodes": 2000, "distinct": 1000, "cached": 0}
    more = {"spec": {"pipeline": "p", "axes": []}, "mayChange": True, "created": 1, "byStatus": {"queued": 1000}}
    answer = {**line, **more, "cells": 1000, "axes": axes, "plan": plan, "table": table, "mlflowRun": None}
    page = visiting("/health", viewport=PHONE).page
    page.route("**/api/sweeps/sweep-1", lambda route: route.fulfill(json=answer))
    page.goto("/sweeps?sweep=sweep-1")
    expect(cells(page)).to_have_count(1000)
    drawn = page.locator(".wb-cell > .wb-cell-media")
    expect(drawn.first).to_be_visible()
    assert drawn.count() < 200
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    page.locator(".wb-wall").evaluate("(wall) => wall.scrollTo(0, wall.scrollHeight)")
    expect(cells(page).nth(980).locator(".wb-cell-media")).to_be_visible()
    page.add_script_tag(path=LAYOUT)
    small = page.evaluate("(least) => smallControls(least)", FINGER_PX)
    assert [one["what"] for one in small if "wb-cell" not in one["what"]] == []
