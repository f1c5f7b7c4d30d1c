"""The history: filters in the address, live rows, the view of one run, and the comparison of two runs."""

from __future__ import annotations

import re
import uuid
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.app.pages.conftest import Visiting
from tests.app.pages.place import Place
from tests.cli.graphs import document

pytestmark = [pytest.mark.stack, pytest.mark.slow]


@pytest.fixture
def experiment() -> str:
    """A name that no other test uses."""
    return f"e{uuid.uuid4().hex[:8]}"


def row(job: str) -> str:
    return f'.wb-row[data-job="{job}"]'


def test_filters_are_in_the_address_and_survive_a_reload(place: Place, visiting: Visiting, experiment: str) -> None:
    one = place.submit({"a": {"value": "one"}}, experiment=experiment)
    other = place.submit({"a": {"bad_input": True}}, experiment=experiment)
    place.ended(one)
    place.ended(other)
    page = visiting("/runs").page
    expect(page.locator(row(one))).to_be_visible()
    page.get_by_role("combobox", name="Any experiment").select_option(experiment)
    expect(page.locator(".wb-row")).to_have_count(2)
    page.get_by_role("combobox", name="Any status").select_option("failed")
    expect(page.locator(".wb-row")).to_have_count(1)
    expect(page).to_have_url(f"{place.url}/runs?status=failed&experiment={experiment}")
    page.reload()
    expect(page.locator(row(other))).to_be_visible()
    expect(page.locator(".wb-row")).to_have_count(1)
    expect(page.get_by_role("combobox", name="Any status")).to_have_value("failed")
    page.get_by_role("combobox", name="Any status").select_option("")
    page.get_by_role("searchbox", name="Parameter").fill("a.value=one")
    expect(page.locator(".wb-row")).to_have_count(1)
    expect(page.locator(row(one))).to_be_visible()
    unfinished = page.locator(".wb-unfinished")
    page.get_by_role("searchbox", name="Parameter").fill("a.value=")
    expect(unfinished).to_contain_text("type a value after “=”")
    expect(page.locator(row(one))).to_be_visible()  # by the last finished filter
    expect(page.locator(".wb-row")).to_have_count(1)
    expect(page.locator(".wb-problem")).to_have_count(0)
    page.get_by_role("searchbox", name="Parameter").fill("a.value=nobody")
    expect(unfinished).to_be_hidden()
    expect(page.get_by_text("No matching runs")).to_be_visible()


def test_rows_update_live_and_the_back_button_works(
    place: Place, visiting: Visiting, gate: Path, experiment: str
) -> None:
    page = visiting("/runs").page
    expect(page.locator(".wb-rows > *").first).to_be_visible()
    job = place.submit({"held": {"gate": str(gate)}}, experiment=experiment)
    badge = page.locator(f"{row(job)} .wb-badge")
    expect(badge).to_have_text("Running")  # it appeared without a reload
    gate.touch()
    expect(badge).to_have_text("Completed")
    page.get_by_role("combobox", name="Any experiment").select_option(experiment)
    expect(page.locator(".wb-row")).to_have_count(1)
    page.locator(row(job)).click()
    expect(page.locator(".wb-run")).to_be_visible()
    expect(page).to_have_url(f"{place.url}/runs?job={job}")
    page.locator(".wb-graph-node").first.click()
    expect(page).to_have_url(f"{place.url}/runs?job={job}&node=held")
    page.go_back()
    expect(page).to_have_url(f"{place.url}/runs?job={job}")
    page.go_back()
    expect(page.locator(row(job))).to_be_visible()
    expect(page).to_have_url(f"{place.url}/runs?experiment={experiment}")
    box = page.locator(".wb-row-select input").first
    box.check()
    expect(page).to_have_url(f"{place.url}/runs?selected={job}&experiment={experiment}")
    page.reload()
    expect(box).to_be_checked()
    page.go_back()
    expect(box).not_to_be_checked()
    page.go_back()
    expect(page).to_have_url(f"{place.url}/runs")
    page.go_forward()
    expect(page.locator(".wb-row")).to_have_count(1)


def test_a_run_that_is_deleted_elsewhere_says_so(place: Place, visiting: Visiting, experiment: str) -> None:
    gone, stays = (place.submit({"a": {"value": value}}, experiment=experiment) for value in ("gone", "stays"))
    place.ended(gone)
    place.ended(stays)
    open_at = ("/runs?job=" + gone, f"/runs?experiment={experiment}", f"/runs?compare={gone},{stays}")
    visits = [visiting(path) for path in open_at]
    for visit, drawn in zip(visits, (".wb-run-title", row(gone), ".wb-table"), strict=True):
        visit.expect("404", "/api/jobs/")  # how the page learns of it
        expect(visit.page.locator(drawn).first).to_be_visible()
    place.program.run("job", "delete", gone, "--yes")
    run, listed, compared = (visit.page for visit in visits)
    expect(run.locator(".wb-gone")).to_contain_text("This run was deleted.")
    expect(listed.get_by_text("was deleted.")).to_be_visible()
    expect(listed.locator(row(gone))).to_have_count(0)
    expect(compared.locator(".wb-gone")).to_be_visible()
    compared.reload()
    expect(compared.locator(".wb-gone")).to_be_visible()
    run.locator(".wb-gone").get_by_role("link", name="All runs").click()
    expect(run.locator(row(stays))).to_be_visible()


def test_the_view_of_a_run_shows_each_node_and_offers_repeat_and_delete(place: Place, visiting: Visiting) -> None:
    job = place.submit({"maker": {"value": "made", "parts": 2}, "taker": {"value": "taken"}}, [("maker", "taker")])
    place.ended(job)
    page = visiting(f"/runs?job={job}").page
    node = page.get_by_role("region", name="Node")
    expect(node).to_contain_text("taker")
    # The status and the files stand once: at the head of the page, and in the panel of the node.
    expect(page.locator(".wb-monitor .wb-badge, .wb-downloads li")).to_have_count(0)
    metric = node.locator('[data-metric="length"]')
    expect(metric.locator("dd")).to_have_text(re.compile(r"^\d+ characters↑ higher is better$"))
    name = metric.get_by_role("button", name="length")
    expect(name).to_have_accessible_description("Length of the output.")
    name.click()  # as by touch
    expect(metric.get_by_text("Length of the output.")).to_be_visible()
    page.locator(".wb-graph-node", has_text="maker").click()
    expect(page).to_have_url(f"{place.url}/runs?job={job}&node=maker")
    expect(node).to_contain_text("probe.data")
    expect(node.locator("dd", has_text="made").first).to_be_visible()
    expect(node.locator(".wb-text", has_text="part 0").first).to_be_visible()  # its output can be read
    page.reload()
    expect(node).to_contain_text("maker")  # the address has the node
    page.locator(".wb-graph-node", has_text="taker").focus()
    page.keyboard.press("Enter")
    expect(page).to_have_url(f"{place.url}/runs?job={job}&node=taker")
    page.get_by_role("button", name="Run again").click()
    expect(page).not_to_have_url(f"{place.url}/runs?job={job}&node=taker")
    expect(page.locator(".wb-run-title .wb-badge")).to_have_text("Completed")
    expect(page.locator(".wb-facts").get_by_role("link", name=job)).to_be_visible()
    again = page.url.partition("job=")[2].partition("&")[0]
    page.get_by_role("button", name="Delete", exact=True).click()
    asked = page.get_by_role("group", name="Delete this job?")
    expect(asked).to_contain_text(
        "remains, because other jobs or uploads use it"
    )  # the repeated job produced the same bytes
    asked.get_by_role("button", name="Delete").click()
    expect(page.locator(row(job))).to_be_visible()
    expect(page.locator(row(again))).to_have_count(0)


def test_the_drawing_marks_where_a_node_takes_parts(place: Place, visiting: Visiting) -> None:
    nodes = [
        {"id": "lines", "service": "probe.data", "params": {"value": uuid.uuid4().hex, "parts": 2}},
        {"id": "louder", "service": "probe.louder"},
        {"id": "taker", "service": "probe.data"},
    ]
    job = place.order(graph=document(*nodes, edges=(("lines", "louder"), ("louder", "taker"))))
    page = visiting(f"/runs?job={job}").page
    expect(page.locator(".wb-edge-parts title")).to_have_text("louder takes the parts of lines while more are made.")
    expect(page.locator(".wb-graph > .wb-edge")).to_have_count(1)
    expect(page.get_by_text("In parts: the next node starts with the first part.")).to_be_visible()
    place.ended(job)


def test_two_runs_are_compared(place: Place, visiting: Visiting) -> None:
    one, other = (place.submit({"a": {"value": value}}, experiment="compared") for value in ("left", "right"))
    place.ended(one)
    place.ended(other)
    page = visiting(f"/runs?compare={one}").page
    page.locator(row(other)).click()
    expect(page).to_have_url(f"{place.url}/runs?compare={one},{other}")
    differs = page.locator(".wb-table").first.get_by_role("row", name="value")
    expect(differs.get_by_role("cell").nth(0)).to_have_text("left")
    expect(differs.get_by_role("cell").nth(1)).to_have_text("right")
    page.get_by_role("button", name="All runs").click()
    expect(page.locator(row(one))).to_be_visible()
