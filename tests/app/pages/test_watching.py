"""Watching a job: page reloads and crashes do not affect the job, and a page misses no event."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.app.pages.conftest import Visiting
from tests.app.pages.place import Place
from tests.live import Diary

pytestmark = [pytest.mark.stack, pytest.mark.slow]

BADGE = "#monitor .wb-monitor-title .wb-badge"


def shown_events(page: Page) -> list[str]:
    """The numbers of the events in the view of a run, oldest first."""
    page.locator("summary", has_text="Events").first.click()
    return list(reversed(page.locator("ol.wb-events code").all_inner_texts()))


def test_a_reload_during_a_job_loses_and_duplicates_nothing(place: Place, visiting: Visiting, gate: Path) -> None:
    job = place.submit({"a": {}, "b": {"gate": str(gate)}, "c": {}}, [("a", "b"), ("b", "c")])
    visits = visiting(f"/?job={job}"), visiting(f"/runs?job={job}")
    generate, full = (visit.page for visit in visits)
    for visit in visits:
        page = visit.page
        expect(page.locator('.wb-line[data-status="running"] .wb-line-name')).to_have_text("b")
        page.reload()
        expect(page.locator('.wb-line[data-status="completed"]')).to_have_count(1)
    gate.touch()
    expect(generate.locator(BADGE)).to_have_text("Completed")
    expect(full.locator(".wb-run-title .wb-badge")).to_have_text("Completed")
    expect(full.get_by_text(f"Events ({len(place.event_numbers(job))})")).to_be_visible()
    assert shown_events(full) == place.event_numbers(job)


def test_two_browsers_see_the_same_job_and_one_cancels_it(place: Place, visiting: Visiting, gate: Path) -> None:
    job = place.submit({"held": {"gate": str(gate)}})
    one, other = visiting(f"/?job={job}").page, visiting(f"/?job={job}").page
    for page in (one, other):
        expect(page.locator(BADGE)).to_have_text("Running")
    other.get_by_role("button", name="Cancel").click()
    for page in (one, other):
        expect(page.locator(BADGE)).to_have_text("Cancelled")
        expect(page.get_by_role("button", name="Cancel")).to_have_count(0)
    assert place.ended(job).status.value == "cancelled"


def test_the_page_recovers_when_the_killed_app_restarts(place: Place, visiting: Visiting, gate: Path) -> None:
    job = place.submit({"held": {"gate": str(gate)}, "next": {}}, [("held", "next")])
    visit = visiting(f"/?job={job}")
    visit.expect(
        *("ERR_CONNECTION", "WebSocket", "Failed to load resource", "Failed to fetch", "NetworkError", "network error"),
        *("status 50", "Connection errored out"),  # the second is Gradio's message
    )
    page = visit.page
    expect(page.locator(BADGE)).to_have_text("Running")
    place.kill("app")
    expect(page.locator(".wb-monitor-title")).to_contain_text("not connected")
    gate.touch()  # the job ends while the app is down
    place.ended(job)
    place.wait_for(place.answers, 120)
    expect(page.locator(BADGE)).to_have_text("Completed", timeout=60_000)
    expect(page.locator('.wb-line[data-status="completed"]')).to_have_count(2)
    page.goto(f"/runs?job={job}")
    expect(page.get_by_text(f"Events ({len(place.event_numbers(job))})")).to_be_visible()
    assert shown_events(page) == place.event_numbers(job)


def test_a_paused_pool_is_shown_with_its_remedy(place: Place, visiting: Visiting) -> None:
    place.program.run("queue", "pause", "cpu")
    try:
        page = visiting(f"/?job={place.submit({'a': {}})}").page
        note = page.locator("#monitor .wb-notice")
        expect(note).to_contain_text("The pool cpu is paused.")
        expect(note).to_contain_text("workbench queue resume cpu")
    finally:
        place.program.run("queue", "resume", "cpu")
    expect(page.locator(BADGE)).to_have_text("Completed")
    expect(note).to_have_count(0)


def test_a_failed_job_shows_the_error_and_the_remedy_and_can_be_retried(
    place: Place, visiting: Visiting, tmp_path: Path
) -> None:
    diary = Diary(tmp_path / "diary")
    job = place.submit(
        {
            "first": {"value": "first", "log": str(diary.path)},
            "weak": {"value": "weak", "log": str(diary.path), "fail_times": 1},
        },
        [("first", "weak")],
    )
    page = visiting(f"/?job={job}").page
    expect(page.locator(BADGE)).to_have_text("Failed")
    failed = page.locator('.wb-line[data-status="failed"]')
    notice = page.locator("#monitor .wb-problem")
    expect(notice).to_contain_text("execution 1 was told to fail")
    expect(page.locator("#monitor .wb-failed-in")).to_have_text("weak failed")
    failed.locator("summary").click()
    expect(failed.locator(".wb-events")).to_contain_text("failed")
    expect(page.locator(".wb-problem")).to_have_count(1)  # said once
    expect(failed).not_to_contain_text("told to fail")
    page.get_by_role("button", name="Continue where it stopped").click()
    expect(page).not_to_have_url(f"{place.url}/?job={job}")
    expect(page.locator(BADGE)).to_have_text("Completed")
    assert diary.lines() == ["first", "weak", "weak"]


def test_the_error_of_a_job_is_shown_once(place: Place, visiting: Visiting) -> None:
    job = place.submit({"refuses": {"bad_input": True}})
    page = visiting(f"/?job={job}").page
    expect(page.locator(BADGE)).to_have_text("Failed")
    expect(page.locator('.wb-line[data-status="failed"] .wb-line-words')).to_have_text("failed")
    expect(page.locator("#monitor .wb-problem-remedy")).to_have_text("Set it to false.")
    page.goto(f"/runs?job={job}")
    expect(page.get_by_role("region", name="Node")).to_contain_text("Failed")
    expect(page.locator(".wb-problem")).to_have_count(1)


def test_an_unknown_job_is_reported(visiting: Visiting) -> None:
    visit = visiting("/?job=20200101-000000-abcdef")
    visit.expect("404", "/api/jobs/20200101")
    expect(visit.page.locator("#monitor .wb-problem")).to_contain_text("There is no job 20200101-000000-abcdef")


UNSEEN = "Object.defineProperty(document, 'visibilityState', { configurable: true, get: () => '%s' })"


def test_the_title_tells_progress_and_the_end_until_it_is_seen(place: Place, visiting: Visiting, gate: Path) -> None:
    job = place.submit({"held": {"value": "clocks", "gate": str(gate)}})
    page = visiting(f"/?job={job}").page
    expect(page).to_have_title(re.compile(r"^\d+ % – "))
    page.evaluate(UNSEEN % "hidden")
    gate.touch()
    expect(page).to_have_title(re.compile("^Done – "))
    page.evaluate(UNSEEN % "visible")
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    expect(page).to_have_title("Workbench")
