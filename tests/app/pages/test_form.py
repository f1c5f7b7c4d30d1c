"""The form: errors appear beside their fields, and typed text is never lost."""

from __future__ import annotations

import re
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, Route, expect

from tests.app.pages.conftest import Visiting
from tests.app.pages.place import Place

pytestmark = [pytest.mark.stack, pytest.mark.slow]

SCRIPT = "Nothing that was typed is lost."


def field(page: Page, name: str) -> Locator:
    """A field of a node's parameters: ``animate.sway``."""
    return page.locator(f'[data-field="{name}"]')


def open_parameters(page: Page) -> None:
    page.locator("#field-parameters summary").first.click()
    expect(field(page, "animate.sway")).to_be_visible()


def fill_in(page: Page, script: str = SCRIPT) -> None:
    """Fill in the sample portrait and a custom text."""
    page.get_by_role("button", name="Use the sample portrait").click()
    expect(page.locator("#portrait-taken .wb-portrait img")).to_be_visible()
    page.get_by_label("My own text").check()
    page.get_by_role("textbox", name="Script").fill(script)


def generate(page: Page) -> None:
    page.get_by_role("button", name="Generate", exact=True).click()


def submitted(page: Page, place: Place) -> dict[str, Any]:
    """Generate, cancel the job and return its request."""
    generate(page)
    expect(page.locator("#monitor .wb-monitor")).to_be_visible()
    job = page.url.partition("job=")[2].partition("&")[0]
    place.cancel(job)
    return dict(place.get(f"/api/jobs/{job}")["job"])


def test_a_missing_value_is_reported_beside_its_field(visiting: Visiting) -> None:
    page = visiting().page
    generate(page)
    beside = page.locator("#field-portrait + .wb-beside")
    expect(beside).to_contain_text("A portrait is missing.")
    expect(beside).to_contain_text("use the sample portrait")
    page.get_by_role("button", name="Use the sample portrait").click()
    expect(page.locator("#portrait-taken .wb-portrait img")).to_be_visible()
    generate(page)
    expect(page.locator("#field-prompt + .wb-beside")).to_contain_text("A prompt is missing.")
    expect(beside).to_have_count(0)
    expect(page.get_by_role("textbox", name="Prompt")).to_have_attribute("aria-invalid", "true")
    assert "job=" not in page.url


def test_a_choice_made_before_the_page_has_its_first_answer_stays(visiting: Visiting) -> None:
    page = visiting().page
    held: list[Route] = []
    page.route("**/gradio_api/queue/join*", lambda route: held.append(route))
    with page.expect_request("**/gradio_api/queue/join*"):
        page.reload()
    own_text = page.get_by_label("My own text")
    expect(own_text).to_be_visible()
    own_text.check()
    page.route("**/gradio_api/queue/join*", lambda route: route.continue_())  # the latest handler is used
    for route in held:
        route.continue_()
    script = page.get_by_role("textbox", name="Script")
    expect(script).to_be_visible()
    page.wait_for_load_state("networkidle")
    expect(own_text).to_be_checked()
    expect(script).to_be_visible()


def test_an_out_of_bounds_parameter_is_reported_beside_its_field_and_not_submitted(
    place: Place, visiting: Visiting
) -> None:
    page = visiting().page
    fill_in(page)
    open_parameters(page)
    sway = field(page, "animate.sway")
    sway.get_by_role("spinbutton").fill("5")
    page.keyboard.press("Tab")  # an error appears when the field loses focus
    expect(sway.locator(".wb-field-problem")).to_have_text("5 is out of bounds: 0 to 2.")
    generate(page)
    expect(page.locator("#problems, #field-parameters").get_by_role("alert").first).to_be_visible()
    expect(sway.get_by_role("spinbutton")).to_have_value("5")
    expect(sway.get_by_role("spinbutton")).to_be_focused()
    expect(page.get_by_role("textbox", name="Script")).to_have_value(SCRIPT)
    assert "job=" not in page.url
    sway.get_by_role("spinbutton").fill("1.5")
    expect(sway.locator(".wb-field-problem")).to_be_hidden()
    asked = submitted(page, place)["options"]
    assert (asked["params"], asked["options"]["script"]) == ({"animate": {"sway": 1.5}}, SCRIPT)


def test_presets_are_saved_applied_and_deleted(visiting: Visiting) -> None:
    page = visiting().page
    open_parameters(page)
    field(page, "animate.fps").get_by_role("spinbutton").fill("12")
    expect(page.locator("#field-parameters").get_by_text("1 changed")).to_be_visible()
    page.get_by_role("button", name="Save as preset").click()
    page.get_by_role("textbox", name="Name of the preset").fill("twelve")
    page.get_by_role("button", name="Save as preset").click()
    preset = page.get_by_role("combobox", name="Preset")
    expect(preset.locator("option", has_text="twelve (mine)")).to_have_count(1)
    page.reload()
    expect(page.locator(".wb-draft")).to_contain_text("Your draft is restored.")
    open_parameters(page)
    field(page, "animate.fps").get_by_role("spinbutton").fill("25")
    preset.select_option("twelve")
    expect(field(page, "animate.fps").get_by_role("spinbutton")).to_have_value("12")
    page.get_by_role("button", name="Delete preset").click()
    expect(preset.locator("option", has_text="twelve")).to_have_count(0)


def test_expected_time_follows_the_chosen_options(place: Place, visiting: Visiting) -> None:
    def told(*leave_out: str) -> tuple[float, str]:
        """Seconds from the API, and the sentence that the page should show."""
        asked = {"pipeline": "talking_head", "options": {"prompt": "-", "leaveOut": list(leave_out)}}
        answer = place.post("/api/estimate", json=asked)
        value, basis = answer["seconds"], answer["basis"]
        runs = "one past run" if basis == 1 else f"{basis} past runs"
        about = (
            f"{max(1, int(value + 0.5))} s"
            if value < 10
            else f"{5 * int(value / 5 + 0.5)} s"
            if value < 90
            else ".*min.*"
        )
        return value, rf"^About {about} for about .* of speech, from {runs}( of .* at most)?\.$"

    if not place.post("/api/estimate", json={"pipeline": "talking_head"})["seconds"]:  # this test runs alone
        made = {"portrait": place.post("/api/uploads/sample")["ref"]["sha256"], "script": "Clocks."}
        place.ended(place.order(pipeline="talking_head", options=made))
    page = visiting().page
    line = page.locator("#estimate .wb-estimate")
    whole, words = told()
    expect(line).to_have_text(re.compile(words))
    page.locator('.wb-card[data-pipeline="infinitetalk"]').click()
    expect(line).to_have_text("There are no past runs yet for an estimate.")
    page.locator('.wb-card[data-pipeline="talking_head"]').click()
    expect(line).to_have_text(re.compile(words))
    open_parameters(page)
    for step in page.get_by_label("Run this step").all():  # upscaling, and the evaluation at the end
        step.uncheck()
    short, words = told("upscale", "evaluate")
    assert short < whole
    expect(line).to_have_text(re.compile(words))
    page.get_by_label("My own text").check()
    script = page.get_by_role("textbox", name="Script")
    script.fill("A long lecture on clocks. " * 700)
    script.blur()
    expect(line).to_have_text(re.compile(r"^About .*(min|h).* for about .*min.* of speech, "))


def test_again_with_changes_fills_the_whole_form(place: Place, visiting: Visiting) -> None:
    page = visiting().page
    fill_in(page)
    open_parameters(page)
    field(page, "speech.speed").get_by_role("spinbutton").fill("1.25")
    page.get_by_label("Run this step").first.uncheck()  # portrait upscaling
    page.get_by_role("spinbutton", name="Seed").fill("77")
    page.get_by_role("combobox", name="Experiment").fill("again")
    page.keyboard.press("Enter")
    first = submitted(page, place)
    assert (first["seed"], first["experiment"]) == (77, "again")
    page.get_by_role("link", name="Run again", exact=True).click()
    expect(page.get_by_role("textbox", name="Script")).to_have_value(SCRIPT)
    expect(page.locator("#portrait-taken .wb-face")).to_be_visible()
    expect(page.get_by_role("spinbutton", name="Seed")).to_have_value("77")
    expect(page.get_by_role("combobox", name="Experiment")).to_have_value("again")
    open_parameters(page)
    expect(field(page, "speech.speed").get_by_role("spinbutton")).to_have_value("1.25")
    expect(page.get_by_label("Run this step").first).not_to_be_checked()
    second = submitted(page, place)
    assert second["options"] == first["options"]


def test_a_job_from_the_command_line_fills_the_form(place: Place, visiting: Visiting) -> None:
    job = place.program.json(
        "run", "talking_head", "--portrait", "sample", "--script", SCRIPT, "--seed", "78", "--set", "speech.speed=1.5",
        "--without", "upscale", "--detach",
    )["jobId"]  # fmt: skip
    place.cancel(job)
    page = visiting(f"/?from={job}").page
    expect(page.get_by_role("textbox", name="Script")).to_have_value(SCRIPT)
    expect(page.locator("#portrait-taken .wb-portrait img")).to_be_visible()
    expect(page.get_by_role("spinbutton", name="Seed")).to_have_value("78")
    open_parameters(page)
    expect(field(page, "speech.speed").get_by_role("spinbutton")).to_have_value("1.5")
    asked, before = submitted(page, place)["options"], place.get(f"/api/jobs/{job}")["job"]["options"]
    assert asked == before


def test_a_locked_seed_is_kept_and_otherwise_a_new_one_is_drawn(place: Place, visiting: Visiting) -> None:
    page = visiting().page
    fill_in(page)
    assert submitted(page, place)["seed"] == 0
    page.get_by_label("Keep this seed").uncheck()
    drawn = submitted_again(page, place)
    assert drawn["seed"] != 0
    expect(page.get_by_role("spinbutton", name="Seed")).to_have_value(str(drawn["seed"]))


def submitted_again(page: Page, place: Place) -> dict[str, Any]:
    """Like ``submitted``, when the page already shows a job."""
    before = page.url
    generate(page)
    expect(page).not_to_have_url(before)
    job = page.url.partition("job=")[2].partition("&")[0]
    place.cancel(job)
    return dict(place.get(f"/api/jobs/{job}")["job"])
