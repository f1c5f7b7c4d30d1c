"""Deletion, erasure and collection on the page: the sizes, the action, and what is gone afterwards."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from playwright.sync_api import Page, Route, expect

from schemas.refs import refs_in
from tests.app.pages.conftest import Visiting
from tests.app.pages.place import Place
from tests.app.pages.test_manners import MANNERS, PHONE
from tests.app.uploads.media import picture

pytestmark = [pytest.mark.stack, pytest.mark.slow]


def upload(place: Place, name: str, size: tuple[int, int]) -> dict[str, Any]:
    """Upload an image that no other test uses; return its reference."""
    answer = place.post("/api/uploads", files={"file": (name, picture(size=size), "image/png")})
    ref: dict[str, Any] = answer["ref"]
    return ref


def waiting_job_with(place: Place, ref: dict[str, Any]) -> str:
    """Submit a job that gets the image and waits for an approval."""
    graph = {
        "schema": "langgraph.v1",
        "nodes": [
            {"id": "script", "service": "llm.generate_script", "params": {"script": "Look at this."}},
            {"id": "review", "service": "review.script"},
            {"id": "larger", "service": "generate.upscale_image", "input": {"image": ref}},
        ],
        "edges": [{"from": "script", "to": "review"}, {"from": "review", "to": "larger"}],
    }
    return place.order(graph=graph, consent={"given": True})


def stored(place: Place, sha256: str) -> bool:
    return place.deployment.objects.has(sha256)


def check_accessible(page: Page) -> None:
    """Check that the open view works with a keyboard, a screen reader and this width."""
    page.add_script_tag(path=MANNERS)
    assert page.evaluate("nameless()") == []
    assert page.evaluate("document.querySelector('dialog').contains(document.activeElement)")
    width = page.viewport_size
    assert width is not None and page.evaluate("document.documentElement.scrollWidth") <= width["width"]


def test_deletion_shows_what_it_frees_and_a_collection_frees_it(place: Place, visiting: Visiting) -> None:
    job = place.submit({"a": {"value": uuid.uuid4().hex, "file_kib": 100}})
    (file,) = refs_in(place.ended(job).node("a").output)
    page = visiting(f"/runs?job={job}", viewport=PHONE, has_touch=True, is_mobile=True).page
    delete = page.get_by_role("button", name="Delete", exact=True)
    delete.click()
    asked = page.get_by_role("group", name="Delete this job?")
    expect(asked).to_contain_text("The next collection frees 102 kB: 1 file that nothing else uses.")
    page.keyboard.press("Escape")
    expect(asked).to_have_count(0)
    expect(delete).to_be_focused()
    page.keyboard.press("Enter")
    asked.get_by_role("button", name="Delete").click()
    expect(page.locator(".wb-rows > *").first).to_be_visible()
    expect(page.locator(f'[data-job="{job}"]')).to_have_count(0)
    page.goto("/system")
    storage = page.locator("section", has=page.get_by_role("heading", name="Storage"))
    for kind in ("images", "other files", "copies in MLflow", "local cache", "folder videos/", "bus", "SQL", "logs"):
        expect(storage.get_by_role("row", name=kind).first).to_be_visible()
    expect(storage).to_contain_text("because no job and no upload uses them")
    collect = page.get_by_role("button", name="Collect now…")
    collect.focus()
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog", name="Collect unused artifacts")
    expect(dialog.get_by_role("row", name="other files")).to_be_visible()
    check_accessible(page)
    assert stored(place, file.sha256)  # so far it is only announced
    page.keyboard.press("Escape")
    expect(collect).to_be_focused()
    page.keyboard.press("Enter")
    dialog.get_by_role("button", name="Remove").click()
    expect(page.get_by_role("dialog", name="Collected").get_by_role("row", name="other files")).to_be_visible()
    assert not stored(place, file.sha256)
    page.get_by_role("button", name="Close").click()
    expect(storage).to_contain_text("Last collection: just now")


def test_only_administrators_are_offered_a_collection(visiting: Visiting) -> None:
    page = visiting("/health").page

    def runner(route: Route) -> None:
        route.fulfill(json={**route.fetch().json(), "role": "runner"})

    page.route("**/api/session", runner)
    page.goto("/system")
    expect(page.get_by_text("Only administrators can start a collection.")).to_be_visible()
    expect(page.get_by_role("button", name="Collect now…")).to_have_count(0)


def test_the_picker_removes_an_upload_and_erases_one_with_its_job(place: Place, visiting: Visiting) -> None:
    upload(place, "nobody.png", (213, 305))
    ref = upload(place, "eve.png", (211, 307))
    job = waiting_job_with(place, ref)
    visit = visiting("/")
    visit.expect("409")
    page = visit.page
    earlier = page.get_by_role("group", name="Earlier portraits")
    earlier.get_by_role("button", name="Remove…").click()
    earlier.get_by_role("button", name="Remove nobody.png").click()
    asked = page.get_by_role("group", name="Remove nobody.png?")
    expect(asked).to_contain_text("No job uses it. After its removal, the next collection frees")
    asked.get_by_role("button", name="Remove").click()
    expect(page.get_by_role("button", name="nobody.png")).to_have_count(0)
    earlier.get_by_role("button", name="Remove…").click()
    earlier.get_by_role("button", name="Remove eve.png").click()
    asked = page.get_by_role("group", name="Remove eve.png?")
    expect(asked).to_contain_text("1 job uses it.")
    asked.get_by_role("button", name="Erase…").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text(job)
    expect(dialog).to_contain_text("Look at this.")
    check_accessible(page)
    dialog.get_by_role("button", name="Erase 1 job and 1 file").click()
    expect(dialog.get_by_role("alert")).to_contain_text("unfinished")
    assert stored(place, ref["sha256"])
    dialog.get_by_role("button", name="Cancel those jobs and erase").click()
    expect(page.get_by_role("dialog", name="Erased")).to_contain_text("1 job and ", timeout=90_000)
    expect(dialog).to_contain_text("more than in the preview")  # nobody.png, which is no longer referenced
    dialog.get_by_role("button", name="Close").click()
    expect(page.get_by_role("button", name="eve.png")).to_have_count(0)
    assert not stored(place, ref["sha256"])
    visit = visiting(f"/runs?job={job}")
    visit.expect("404")
    page = visit.page
    expect(page.locator(".wb-problem").first).to_contain_text(f"there is no job {job}", ignore_case=True)
    page.get_by_role("link", name="All runs").click()
    expect(page.locator(".wb-rows > *").first).to_be_visible()
    expect(page.locator(f'[data-job="{job}"]')).to_have_count(0)
