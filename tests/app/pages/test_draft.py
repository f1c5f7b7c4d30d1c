"""The draft of the form stays in the browser: after a reload, for its user, and without the consent."""

from __future__ import annotations

import json

import pytest
from playwright.sync_api import Page, expect

from tests.app.pages.conftest import Visiting
from tests.app.pages.test_form import SCRIPT, field, fill_in, open_parameters

pytestmark = [pytest.mark.stack, pytest.mark.slow]

KEPT = "Object.keys(localStorage).filter((name) => name.startsWith('wb-draft-'))"


def kept_when(page: Page, words: str) -> str:
    """Wait until the draft contains these words; return its name in the storage."""
    page.wait_for_function(f"(words) => {KEPT}.some((name) => localStorage[name].includes(words))", arg=words)
    (name,) = page.evaluate(KEPT)
    return str(name)


def test_a_draft_survives_a_reload_and_says_which_file_is_gone(visiting: Visiting) -> None:
    page = visiting().page
    expect(page.get_by_role("textbox", name="Prompt")).to_be_visible()
    page.goto("/system")
    assert page.evaluate(KEPT) == [], "a form that nobody touched is no draft"
    page.goto("/")
    fill_in(page)
    page.get_by_role("spinbutton", name="Seed").fill("77")
    page.locator("#field-consent input").check()
    open_parameters(page)
    field(page, "animate.fps").get_by_role("spinbutton").fill("12")
    name = kept_when(page, '"fps":12')
    assert "consent" not in page.evaluate("(name) => localStorage[name]", name)
    page.reload()
    note = page.locator(".wb-draft")
    expect(note).to_contain_text("Your draft is restored.")
    expect(page.get_by_role("textbox", name="Script")).to_have_value(SCRIPT)
    expect(page.locator("#portrait-taken .wb-portrait img")).to_be_visible()
    expect(page.get_by_role("spinbutton", name="Seed")).to_have_value("77")
    expect(page.locator("#field-consent input")).not_to_be_checked()
    open_parameters(page)
    expect(field(page, "animate.fps").get_by_role("spinbutton")).to_have_value("12")

    draft = json.loads(page.evaluate("(name) => localStorage[name]", name))
    draft["files"]["portrait"] = {"sha256": "0" * 64, "name": "anna.png"}
    page.goto("/system")  # leaves the form, which keeps its draft at that moment
    page.evaluate("([name, draft]) => { localStorage[name] = draft; }", [name, json.dumps(draft)])
    page.goto("/")
    expect(note).to_contain_text("portrait anna.png is no longer stored")
    expect(page.get_by_role("textbox", name="Script")).to_have_value(SCRIPT)
    expect(page.get_by_role("button", name="Use the sample portrait")).to_be_visible()

    # The draft of another user or home has another name.
    page.goto("/system")
    page.evaluate("(name) => { localStorage['wb-draft-other'] = localStorage[name]; delete localStorage[name]; }", name)
    page.goto("/")
    page.get_by_label("My own text").check()
    expect(page.get_by_role("textbox", name="Script")).to_have_value("")
    expect(note).to_have_count(0)


def test_the_form_works_where_the_storage_is_blocked(visiting: Visiting) -> None:
    page = visiting("/health").page
    page.add_init_script(
        "for (const name of ['getItem', 'setItem', 'removeItem'])"
        " Storage.prototype[name] = () => { throw new DOMException('blocked', 'SecurityError'); };"
    )
    page.goto("/")
    fill_in(page)
    page.get_by_role("button", name="Generate", exact=True).click()
    expect(page.locator("#monitor .wb-monitor")).to_be_visible()
