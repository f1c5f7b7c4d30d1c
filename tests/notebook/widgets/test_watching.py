"""A job in a notebook: filled in, watched to its end, cancelled, approved."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Locator, expect

from tests.app.pages.place import Place
from tests.notebook.widgets.lab import Notebook
from tests.stack.conditions import wait_for

pytestmark = [pytest.mark.stack, pytest.mark.slow]


def row(form: Locator, label: str) -> Locator:
    """A line of a form by its label."""
    return form.locator(".widget-hbox").filter(has=form.page.get_by_text(label, exact=True)).last


def test_a_form_is_filled_in_and_its_job_watched_to_the_end(notebook: Notebook, place: Place) -> None:
    form = notebook.run("form = wb.form('talking_head', experiment='by form')\nform")
    form.get_by_role("button", name="Run").click()
    expect(row(form, "Portrait").get_by_role("alert")).to_contain_text("needs a portrait")

    form.get_by_placeholder("a path, or sample").fill("sample")
    form.get_by_placeholder("The text that is spoken").fill("Good morning.")
    form.get_by_text("Parameters", exact=True).click()
    row(form, "Size").locator("input").fill("300")
    row(form, "Size").locator("input").press("Tab")
    expect(row(form, "Size").get_by_role("alert")).to_contain_text("multiple of 16")
    row(form, "Size").locator("input").fill("256")
    row(form, "Size").locator("input").press("Tab")
    expect(row(form, "Size").locator(".wb-form-mark")).to_be_visible()
    row(form, "Fps").locator("input").fill("10")
    row(form, "Fps").locator("input").press("Tab")
    for tick in form.get_by_label("Do this step").all():
        tick.uncheck()
    form.get_by_role("button", name="Run").click()

    monitor = form.locator(".wb-monitor")
    expect(monitor.locator(".wb-monitor-title")).to_contain_text("Completed", timeout=90_000)
    video = monitor.locator("video")
    expect(video).to_be_visible()
    store = urlsplit(place.settings.s3_url)
    source = urlsplit(video.get_attribute("src") or "")
    assert (source.hostname, source.port) == (store.hostname, store.port), "the page lets no other port embed anything"
    assert video.evaluate("async video => { video.muted = true; await video.play(); return video.videoWidth }") == 256
    assert notebook.python("print(form.job.status.value, form.job.record.experiment)") == "completed by form"
    asked = notebook.python("print(form.params, form.without)")
    assert asked == "{'animate': {'size': 256, 'fps': 10}} ['upscale', 'evaluate']"


def test_a_job_is_cancelled_while_a_cell_waits_for_it(notebook: Notebook, gate: Path) -> None:
    view = notebook.run(f"job = wb.run(chain(gate={str(gate)!r}))\njob")
    expect(view.locator(".wb-monitor-title")).to_contain_text("Running")
    waiting = notebook.start("job.wait()")
    view.get_by_role("button", name="Cancel").click()
    expect(view.locator(".wb-monitor-title")).to_contain_text("Cancelled")
    notebook.ended(waiting)
    assert notebook.python("print(job.status.value)") == "cancelled"


def test_a_script_is_approved_with_changes(notebook: Notebook) -> None:
    view = notebook.run(
        "short = {'approve': True, 'without': ['upscale', 'evaluate']}\n"
        "job = wb.run('talking_head', portrait='sample', script='It rains.', **short)\njob"
    )
    text = view.get_by_role("textbox", name="The script")
    expect(text).to_have_value("It rains.")
    text.fill("The sun shines.")
    view.get_by_role("button", name="Approve and render").click()
    expect(view.locator('.wb-line[data-status="completed"]', has_text="Approval")).to_be_visible()
    notebook.python("job.cancel()")
    expect(view.locator(".wb-monitor-title")).to_contain_text("Cancelled")
    assert notebook.python("print(job.record.node('review').output['narration'])") == "The sun shines."


def test_a_failed_job_says_why_and_what_to_do(notebook: Notebook) -> None:
    view = notebook.run("job = wb.run(chain(bad_input=True))\njob")
    expect(view.locator(".wb-monitor-title")).to_contain_text("Failed")
    expect(view.get_by_role("alert").first).to_contain_text("told to refuse")
    expect(view.get_by_role("alert").first).to_contain_text("Set it to false.")


def test_what_is_exported_has_the_final_state(notebook: Notebook, gate: Path) -> None:
    view = notebook.run(f"job = wb.run(chain(gate={str(gate)!r}))\njob")
    expect(view.locator(".wb-monitor-title")).to_contain_text("Running")
    gate.touch()
    expect(view.locator(".wb-monitor-title")).to_contain_text("Completed")

    def picture() -> str:
        outputs = notebook.save()["cells"][-1]["outputs"]
        assert "application/vnd.jupyter.widget-view+json" in outputs[0]["data"] and len(outputs) == 2
        return "".join(outputs[1]["data"]["text/html"])

    html = wait_for(lambda: found if "b: completed" in (found := picture()) else "")
    expect(notebook.page.locator(".wb-notebook-picture").last).to_be_hidden()
    assert "<svg" in html and "a: completed" in html and "http" not in html.replace("http://www.w3.org/2000/svg", "")
