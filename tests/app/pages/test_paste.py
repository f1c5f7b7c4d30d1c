"""Paste anywhere on the page Generate."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from nodes._samples import sample_portrait
from tests.app.pages.conftest import Visiting

pytestmark = [pytest.mark.stack, pytest.mark.slow]

# A paste as the browser reports it: into the page, or into the field with the focus.
PASTE = """([text, file, type]) => {
  const data = new DataTransfer();
  if (text) data.setData("text/plain", text);
  else data.items.add(new File([Uint8Array.from(atob(file), (one) => one.charCodeAt(0))], "pasted", { type }));
  const event = new ClipboardEvent("paste", { clipboardData: data, bubbles: true, cancelable: true });
  document.activeElement.dispatchEvent(event);
  return event.defaultPrevented;
}"""


def paste(page: Page, text: str = "", file: bytes = b"", kind: str = "") -> bool:
    """Returns whether the page took it, instead of the browser."""
    return bool(page.evaluate(PASTE, [text, base64.b64encode(file).decode(), kind]))


def test_a_paste_goes_where_it_belongs_and_says_so(visiting: Visiting, tmp_path: Path) -> None:
    visit = visiting()
    page = visit.page
    expect(page.locator('.wb-card[aria-checked="true"]')).to_be_visible()
    page.wait_for_load_state("networkidle")
    note = page.locator(".wb-pasted")
    page.evaluate("document.activeElement.blur()")
    assert paste(page, "Clocks tick.")
    script = page.get_by_role("textbox", name="Script")
    expect(script).to_have_value("Clocks tick.")
    expect(note).to_have_text("Pasted 12 characters as the script.")
    expect(script).to_be_focused()
    assert not paste(page, "In a field the browser pastes.")
    page.evaluate("document.activeElement.blur()")
    assert paste(page, file=sample_portrait(tmp_path).read_bytes(), kind="image/png")
    expect(page.locator("#portrait-taken .wb-portrait img")).to_be_visible()
    expect(note).to_have_text("Pasted pasted as the portrait.")
    visit.expect("415")
    assert paste(page, file=b"no image", kind="image/png")
    expect(note).to_have_attribute("data-tone", "bad")
    expect(page.locator("#portrait-taken .wb-portrait img")).to_be_visible()  # the portrait stays
    assert not paste(page, file=b"text", kind="application/zip")
    expect(note).to_contain_text("nothing was pasted")
