"""Approval of a script: edited, approved, rejected."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.app.pages.conftest import Visiting
from tests.app.pages.place import Place

pytestmark = [pytest.mark.stack, pytest.mark.models, pytest.mark.slow]

EDITED = "Clocks tick."
QUICK: dict[str, dict[str, Any]] = {"script": {"max_words": 5}, "animate": {"size": 256, "fps": 10}}


@pytest.fixture
def asked(place: Place, visiting: Visiting) -> tuple[str, Page]:
    """A job that waits for approval, and the page that shows it."""
    portrait = place.post("/api/uploads/sample")["ref"]["sha256"]
    options = {"portrait": portrait, "prompt": "Clocks.", "approve": True, "leaveOut": ["upscale", "evaluate"]}
    job = place.order(pipeline="talking_head", options=options, params=QUICK)
    page = visiting(f"/?job={job}").page
    expect(page.get_by_role("group", name="Approve the script")).to_be_visible(timeout=120_000)
    return job, page


def test_the_edited_text_is_spoken(place: Place, asked: tuple[str, Page]) -> None:
    job, page = asked
    text = page.get_by_role("textbox", name="The script")
    expect(text).not_to_have_value("")
    text.fill(EDITED)
    expect(page.get_by_text("edited", exact=True)).to_be_visible()
    page.reload()  # the question is shown again, because it belongs to the job
    page.get_by_role("textbox", name="The script").fill(EDITED)
    page.get_by_role("button", name="Approve and render").click()
    expect(page.locator("#monitor .wb-monitor-title .wb-badge")).to_have_text("Completed", timeout=150_000)
    expect(page.locator("#monitor .wb-artifact video")).to_be_visible()
    # The words follow the player, and a word seeks.
    words = page.locator("#monitor .wb-word")
    expect(words).to_have_text(EDITED.split())
    words.nth(1).click()
    expect(words.nth(1)).to_have_attribute("aria-current", "true")
    page.wait_for_function("document.querySelector('#monitor video').currentTime > 0.1")
    page.locator("#monitor .wb-spoken-text").focus()
    page.keyboard.press("ArrowLeft")
    expect(page.locator("#monitor .wb-word[aria-current]")).to_have_text("Clocks")
    record = place.ended(job)
    review = next(node for node in record.nodes if node.id == "review")
    assert review.output is not None
    assert review.output["narration"] == EDITED
    assert (review.output["source"], review.output["approved_by"]) == ("person", "local")
    assert review.output["script"]["author"] == "local"


def test_a_rejected_script_ends_the_job_with_a_message(place: Place, asked: tuple[str, Page]) -> None:
    job, page = asked
    page.get_by_role("button", name="Reject").click()
    expect(page.locator("#monitor .wb-monitor-title .wb-badge")).to_have_text("Failed")
    expect(page.locator("#monitor .wb-problem").first).to_contain_text("rejected")
    expect(page.get_by_role("group", name="Approve the script")).to_have_count(0)
    assert place.ended(job).status.value == "failed"
