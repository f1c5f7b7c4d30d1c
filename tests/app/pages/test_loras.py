"""A zip of portraits and a LoRA by name on the page."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import expect

from schemas.consent import Consent
from tests.app.pages.conftest import Visiting
from tests.app.pages.place import Place
from tests.app.pages.test_form import generate
from tests.app.uploads.media import picture
from tests.client.test_loras import graph, lora_of, portraits
from tests.portrait_sets import views, zipped
from workbench.client.submit import submit_graph
from workbench.engine.accept import Request

pytestmark = [pytest.mark.stack, pytest.mark.models, pytest.mark.slow]


def train(place: Place, folder: Path, name: str) -> str:
    """A completed training of that name, by a probe; the id of its job."""
    images = portraits(place.deployment, folder, "local")
    asked = {"pipeline": "train_lora", "options": {"name": name, "images": images.sha256}, "params": {}}
    document = {**graph(images, trigger="sks", model="sd-1.5"), "metadata": {"asked": asked}}
    job = submit_graph(place.deployment, Request(document, pipeline="train_lora"), Consent(given=True, name="Ada")).job
    place.ended(job)
    return job


def test_portraits_are_shown_with_their_faces_and_need_a_consent(
    place: Place, visiting: Visiting, tmp_path: Path
) -> None:
    content = zipped(tmp_path / "ada.zip", {**views(tmp_path), "front.txt": b"a photo of Ada"}).read_bytes()
    page = visiting("/?pipeline=train_lora").page
    source, taken = page.locator("#images-source"), page.locator("#images-taken")
    given = source.locator("input[type=file]")
    given.set_input_files({"name": "me.png", "mimeType": "image/png", "buffer": picture()})
    expect(taken.locator(".wb-problem")).to_contain_text("This is not a zip of portraits: me.png.")
    given.set_input_files({"name": "holiday.zip", "mimeType": "application/zip", "buffer": picture()})
    expect(taken.locator(".wb-problem")).to_contain_text("An image is not accepted.")
    given.set_input_files({"name": "ada.zip", "mimeType": "application/zip", "buffer": content})
    expect(taken).to_contain_text("8 images · 8 with one face · 1 with a caption")
    expect(taken.locator(".wb-warnings")).to_contain_text("8 images are few for a training.")
    expect(source).to_be_hidden()
    taken.get_by_text("Images", exact=True).click()
    expect(taken.get_by_role("row", name=re.compile("front.png 512 × 512 1 yes"))).to_be_visible()
    generate(page)
    expect(page.locator("#field-name + .wb-beside")).to_contain_text("A name is missing.")
    page.get_by_role("textbox", name="Name").fill("Ada Lovelace")
    generate(page)
    expect(page.locator("#field-name + .wb-beside")).to_contain_text("should match pattern")
    page.get_by_role("textbox", name="Name").fill("ada")
    generate(page)
    expect(page.locator("#field-consent + .wb-beside")).to_contain_text("No consent is recorded for the people in ada")
    taken.get_by_role("button", name="Replace").click()
    expect(page.locator("#field-images .wb-earlier-sound").first).to_contain_text("ada.zip")


def test_a_lora_is_chosen_by_its_name_and_its_run_says_how(place: Place, visiting: Visiting, tmp_path: Path) -> None:
    job = train(place, tmp_path, "ada")
    page = visiting(f"/runs?job={job}").page
    made = page.locator(".wb-training")
    expect(made).to_contain_text("LoRA ada")
    for words in ("sks", "sd-1.5", "CreativeML Open RAIL-M", "Ada", "--lora ada"):
        expect(made).to_contain_text(words)
    expect(made.get_by_role("link", name="ada.safetensors")).to_be_visible()
    expect(page.locator(".wb-stage img")).to_be_visible()
    page = visiting("/?pipeline=svd_wav2lip").page
    page.locator("#lora-source").scroll_into_view_if_needed()
    choice = page.locator("#field-lora").get_by_label("Trained")
    choice.select_option(label="ada (sd-1.5)")
    taken = page.locator("#lora-taken")
    expect(taken).to_contain_text("trigger word")
    kept = "digest => Object.values(localStorage).some((text) => text.includes(digest))"
    page.wait_for_function(kept, arg=lora_of(place.job(job)).sha256)
    page.reload()
    expect(page.locator("#lora-taken .wb-given-file")).to_contain_text("trigger word")
