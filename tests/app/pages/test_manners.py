"""Accessibility: keyboard, screen readers, reduced motion, contrast, dark mode and phone width."""

from __future__ import annotations

import re
from itertools import product
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.app.pages.conftest import Visiting
from workbench import web

pytestmark = [pytest.mark.stack, pytest.mark.slow]

READY = {"/": "#field-pipeline .wb-card[data-pipeline]", "/runs": "#runs .wb-rows > *", "/system": "#system .wb-tile"}
PHONE = {"width": 390, "height": 844}

MANNERS = Path(__file__).with_name("manners.js")


def opened(visiting: Visiting, path: str, **options: object) -> Page:
    page = visiting(path, **options).page
    expect(page.locator(READY[path]).first).to_be_visible()
    page.add_script_tag(path=MANNERS)
    return page


@pytest.mark.parametrize("path", READY)
def test_every_control_has_a_name(visiting: Visiting, path: str) -> None:
    page = opened(visiting, path)
    for fold in page.locator("details > summary").all():
        if fold.is_visible():
            fold.click()
    assert page.evaluate("nameless()") == []


def test_tab_reaches_generate_and_the_focus_is_visible(visiting: Visiting) -> None:
    page = opened(visiting, "/")
    unmarked, reached = [], []
    for _ in range(60):
        page.keyboard.press("Tab")
        focused = page.evaluate("focused()")
        reached.append(focused["id"])
        if not focused["marked"]:
            unmarked.append(focused["what"])
        if focused["id"] == "generate":
            break
    assert reached[-1] == "generate"
    assert unmarked == []
    page.keyboard.press("Enter")
    expect(page.locator("#field-portrait + .wb-beside")).to_be_visible()


def test_nothing_moves_with_reduced_motion(visiting: Visiting) -> None:
    page = opened(visiting, "/", reduced_motion="reduce")
    page.evaluate("showRunningDot()")
    assert page.evaluate("moving()") == []


@pytest.mark.parametrize("path", READY)
def test_a_phone_needs_no_horizontal_scrolling(visiting: Visiting, path: str) -> None:
    page = opened(visiting, path, viewport=PHONE, has_touch=True, is_mobile=True)
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    if path == "/":
        button = page.get_by_role("button", name="Generate", exact=True)
        button.scroll_into_view_if_needed()
        box = button.bounding_box()
        assert box is not None and box["x"] >= 0 and box["x"] + box["width"] <= PHONE["width"] and box["height"] >= 40
        button.tap()
        expect(page.locator("#field-portrait + .wb-beside")).to_be_visible()
        assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]


@pytest.mark.parametrize("path", READY)
def test_dark_mode_is_dark(visiting: Visiting, path: str) -> None:
    page = opened(visiting, path, color_scheme="dark")
    ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert luminance(tuple(int(part) for part in re.findall(r"\d+", ground)[:3])) < 0.05
    assert "dark" in page.evaluate("getComputedStyle(document.documentElement).colorScheme")
    assert page.evaluate(
        "document.documentElement.classList.contains('dark') || document.body.classList.contains('dark')"
    )


# -- contrast, computed from the palette ------------------------------------------------------------------------------

TEXTS = ("text", "muted", "accent", "good", "warn", "bad", "live")
GROUNDS = ("ground", "surface", "sunken")
PAIRS = [*product(TEXTS, GROUNDS), ("on-accent", "accent"), ("text", "accent-soft"), ("muted", "accent-soft")]
PAIRS += [
    ("good", "accent-soft"),
    ("warn", "warn-soft"),
    ("bad", "bad-soft"),
    ("text", "warn-soft"),
    ("text", "bad-soft"),
]


def palette(selector: str) -> dict[str, tuple[int, ...]]:
    css = (web.folder() / "style" / "palette.css").read_text()
    block = css[css.index(f"{selector} {{") :].partition("}")[0]
    colours = re.findall(r"--wb-([a-z-]+): #([0-9a-f]{6});", block)
    return {name: tuple(int(value[i : i + 2], 16) for i in (0, 2, 4)) for name, value in colours}


def luminance(colour: tuple[int, ...]) -> float:
    """Relative luminance; source: WCAG 2.2, definition of relative luminance."""
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in (part / 255 for part in colour)]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("theme", [":root", ".dark"])
def test_text_has_enough_contrast(theme: str) -> None:
    colours = palette(theme)

    def contrast(text: str, ground: str) -> float:
        low, high = sorted((luminance(colours[text]), luminance(colours[ground])))
        return (high + 0.05) / (low + 0.05)

    weak = {f"{text} on {ground}": round(contrast(text, ground), 2) for text, ground in PAIRS}
    assert {pair: ratio for pair, ratio in weak.items() if ratio < 4.5} == {}
