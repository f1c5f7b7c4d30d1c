"""Portraits: uploads, images without a face, refused file types, and consent."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Page, Route, expect

from nodes._samples import sample_portrait
from tests.app.pages.conftest import Visiting
from tests.app.pages.place import Place
from tests.app.pages.test_form import SCRIPT, generate
from tests.app.uploads.media import archive, picture, video, wav
from workbench.client.access import login_name
from workbench.client.consent_records import give_for_home
from workbench.store.consents import Chosen

pytestmark = [pytest.mark.stack, pytest.mark.models, pytest.mark.slow]

SVG = b'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><script>alert(1)</script></svg>'


def give(page: Page, content: bytes, name: str = "me.png", mime: str = "image/png") -> None:
    page.locator("#portrait-source input[type=file]").set_input_files(
        {"name": name, "mimeType": mime, "buffer": content}
    )


def test_uploaded_portrait_needs_consent_which_is_recorded(place: Place, visiting: Visiting, tmp_path: Path) -> None:
    with Image.open(sample_portrait(tmp_path)) as sample:  # the sample itself needs no consent
        sample.point(lambda value: value * 9 // 10).save(tmp_path / "me.png")
    page = visiting().page
    give(page, (tmp_path / "me.png").read_bytes())
    expect(page.locator("#portrait-taken svg path.wb-face")).to_be_visible()
    expect(page.locator("#portrait-taken")).to_contain_text("px found")
    expect(page.locator("#portrait-source")).to_be_hidden()
    page.get_by_label("My own text").check()
    page.get_by_role("textbox", name="Script").fill(SCRIPT)
    generate(page)
    expect(page.locator("#field-consent + .wb-beside")).to_contain_text(
        "No consent is recorded for the people in me.png"
    )
    expect(page.locator("#field-consent + .wb-beside")).to_contain_text("If they agreed, tick the box.")
    assert "job=" not in page.url
    page.get_by_label("Everybody who is seen or heard here has agreed to it.").check()
    generate(page)
    expect(page.locator("#monitor .wb-monitor")).to_be_visible()
    job = page.url.partition("job=")[2]
    place.cancel(job)
    consent = place.job(job).graph.metadata["consent"]
    assert consent["given"] is True and "has agreed" in consent["text"] and consent["by"] == login_name()
    page = visiting(f"/?from={job}").page  # the file has a recorded consent now, so it need not be given again
    expect(page.locator("#portrait-taken .wb-face")).to_be_visible()
    expect(page.get_by_label("Everybody who is seen or heard here has agreed to it.")).not_to_be_checked()
    generate(page)
    expect(page.locator("#monitor .wb-monitor")).to_be_visible()
    place.cancel(page.url.partition("job=")[2])


def test_a_home_with_a_consent_spares_the_box(place: Place, visiting: Visiting) -> None:
    give_for_home(place.deployment, "Ada Lovelace")
    try:
        page = visiting().page
        expect(
            page.get_by_text(re.compile("Ada Lovelace stated this for all files on .*need not tick"))
        ).to_be_visible()
    finally:
        place.deployment.consents.drop(Chosen(name="Ada Lovelace"))


def test_an_image_without_a_face_is_accepted_with_a_warning(visiting: Visiting) -> None:
    page = visiting().page
    give(page, picture(size=(300, 300)))
    warnings = page.locator("#portrait-taken .wb-warnings li")
    expect(warnings.first).to_contain_text("face")
    expect(warnings.first).to_be_visible()
    assert len(warnings.first.inner_text()) > len(warnings.first.locator("strong").inner_text())  # the remedy as well
    expect(page.locator("#portrait-taken .wb-face")).to_have_count(0)
    page.get_by_role("button", name="Replace").click()
    expect(page.locator("#portrait-source")).to_be_visible()
    expect(page.locator("#portrait-taken .wb-portrait img")).to_have_count(0)


def test_what_to_expect_of_a_portrait_is_said_at_the_upload_and_at_the_job(
    place: Place, visiting: Visiting, tmp_path: Path
) -> None:
    """The photo is upside-down and very dark: the page turns it and says both."""
    with Image.open(sample_portrait(tmp_path)) as upright:
        upright.point(lambda value: value * 15 // 100).rotate(180).save(tmp_path / "me.png")
    page = visiting().page
    give(page, (tmp_path / "me.png").read_bytes())
    warnings = page.locator("#portrait-taken .wb-warnings li")
    expect(warnings).to_contain_text(["upside-down", "very dark"])
    page.get_by_label("My own text").check()
    page.get_by_role("textbox", name="Script").fill(SCRIPT)
    page.get_by_label("Everybody who is seen or heard here has agreed to it.").check()
    generate(page)
    expect(page.locator("#monitor .wb-warnings li")).to_contain_text(["Animation: The face is very dark."])
    place.cancel(page.url.partition("job=")[2])


def test_an_image_with_a_script_is_refused_with_a_message(visiting: Visiting) -> None:
    visit = visiting()
    visit.expect("415")
    page = visit.page
    page.get_by_role("textbox", name="Prompt").fill("Kept.")
    beside = page.locator("#portrait-taken .wb-problem")
    give(page, SVG, "me.svg", "image/svg+xml")
    expect(beside).to_contain_text("An SVG drawing is not accepted.")
    expect(beside.locator(".wb-problem-remedy")).to_contain_text("Choose an image")
    expect(page.locator("#portrait-source")).to_be_visible()  # another one can be chosen at once
    give(page, archive(a=b"a"), "me.png")  # the bytes count, not the name
    expect(beside).to_contain_text("A ZIP archive")
    give(page, archive(a=b"a"), "me.zip", "application/zip")  # Gradio does not even send it
    expect(beside).to_contain_text("This is not an image: me.zip.")
    expect(page.get_by_role("textbox", name="Prompt")).to_have_value("Kept.")
    give(page, picture(size=(300, 300)))
    expect(page.locator("#portrait-taken .wb-portrait img")).to_be_visible()
    expect(beside).to_have_count(0)


def test_too_large_file_is_refused_beside_its_field(visiting: Visiting, tmp_path: Path) -> None:
    visit = visiting()
    visit.expect("413")
    large = tmp_path / "large.png"
    large.write_bytes(b"\x89PNG\r\n\x1a\n")
    os.truncate(large, 30_000_000)
    visit.page.locator("#portrait-source input[type=file]").set_input_files(large)
    expect(visit.page.locator("#portrait-taken .wb-problem")).to_contain_text("The image is too large.")


def test_earlier_files_can_be_reused(place: Place, visiting: Visiting) -> None:
    place.post("/api/uploads", files={"file": ("ada.wav", wav(3.0), "audio/wav")})
    place.post("/api/uploads", files={"file": ("ada.png", picture(size=(300, 300)), "image/png")})
    page = visiting("/?pipeline=infinitetalk").page
    consent = page.get_by_label("Everybody who is seen or heard here has agreed to it.")
    consent.check()
    portraits, voices = (page.get_by_role("group", name=f"Earlier {kind}s") for kind in ("portrait", "recording"))
    expect(voices.get_by_role("button", name="Use ada.png again")).to_have_count(0)
    portraits.get_by_role("button", name="Use ada.png again").click()
    expect(page.locator("#portrait-taken .wb-warnings")).to_contain_text("face")  # the result of the first check
    expect(page.locator("#portrait-source")).to_be_hidden()
    expect(consent).not_to_be_checked()  # another person's portrait needs a new consent
    page.locator("#voice-taken").scroll_into_view_if_needed()  # they load once their place is visible
    voice = voices.get_by_role("button", name="Use ada.wav, 3.0 s again").first
    voice.focus()
    page.keyboard.press("Enter")
    expect(page.locator("#voice-taken audio")).to_be_visible()


def test_the_audio_of_a_video_is_accepted_as_a_recording(visiting: Visiting) -> None:
    page = visiting().page
    page.get_by_label("My recording").check()
    clip = {"name": "talk.mp4", "mimeType": "video/mp4", "buffer": video(count=75, tone=True)}
    page.locator("#audio-source input[type=file]").set_input_files(clip)
    expect(page.locator("#audio-taken audio")).to_be_visible()
    expect(page.locator("#audio-taken .wb-warnings")).to_contain_text("The audio is silent.")


@pytest.mark.parametrize("module", ["preload", "media"])
def test_a_refusal_is_shown_even_if_a_script_loads_late(visiting: Visiting, module: str) -> None:
    visit = visiting()
    visit.expect("415")
    page = visit.page
    held: list[Route] = []
    page.route(f"**/web/{module}.js", lambda route: held.append(route))
    page.reload()
    with page.expect_response("**/gradio_api/upload*"):
        give(page, archive(a=b"a"), "me.png")
    assert held, f"the page has no module {module}.js"
    for route in held:
        route.continue_()
    expect(page.locator("#portrait-taken .wb-problem")).to_contain_text("A ZIP archive")
