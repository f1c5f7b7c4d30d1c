"""A job in a notebook: the form, live progress, cancellation and approval."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Locator, expect

from nodes._samples import sample_portrait
from tests.app.pages.place import Place
from tests.app.pages.visit import Visit
from tests.notebook.widgets.conftest import CHAIN
from tests.notebook.widgets.lab import Lab, Notebook
from tests.stack.conditions import wait_for

pytestmark = [pytest.mark.stack, pytest.mark.slow]


def field(form: Locator, name: str) -> Locator:
    """A field of a form: an input, or a parameter as node.name."""
    return form.locator(f'[data-field="{name}"]')


def large_portrait(folder: Path) -> Path:
    """The packaged portrait, dark, upside-down and with added noise: larger than one upload chunk."""
    face = np.asarray(Image.open(sample_portrait(folder)).convert("RGB").resize((1024, 1024)), np.int16)
    noise = np.random.default_rng(1).integers(-6, 7, face.shape)
    Image.fromarray((face * 0.18 + noise).clip(0, 255).astype(np.uint8)).rotate(180).save(folder / "face.png")
    assert (folder / "face.png").stat().st_size > 1 << 20
    return folder / "face.png"


def test_a_form_is_filled_in_and_its_job_watched_to_the_end(notebook: Notebook, place: Place, tmp_path: Path) -> None:
    form = notebook.run("form = wb.form('talking_head', experiment='by form')\nform")
    form.get_by_role("button", name="Run").click()
    expect(field(form, "portrait").get_by_role("alert")).to_contain_text("is missing")

    form.get_by_label("Portrait", exact=True).fill("no/such/file.png")
    form.get_by_label("Script", exact=True).fill("Good morning.")
    form.get_by_role("button", name="Run").click()
    expect(field(form, "portrait").get_by_role("alert")).to_contain_text("no file no/such/file.png")
    form.get_by_label("Portrait from this computer").set_input_files(large_portrait(tmp_path))
    expect(field(form, "portrait")).to_contain_text(re.compile(r"face\.png, [\d.]+ MB"))
    expect(field(form, "portrait").get_by_role("alert")).to_be_hidden()
    expect(field(form, "portrait").locator(".wb-warnings li")).to_contain_text(["upside-down", "very dark"])
    form.get_by_text("Parameters", exact=True).click()
    size = field(form, "animate.size")
    size.get_by_role("spinbutton").fill("300")
    size.get_by_role("spinbutton").press("Tab")
    expect(size.get_by_role("alert")).to_contain_text("multiple of 16")
    form.get_by_role("button", name="Run", exact=True).click()
    expect(form.locator(".wb-form-said")).to_contain_text("1 of the parameters are not valid")
    size.get_by_role("spinbutton").fill("256")
    expect(size).to_have_attribute("data-changed", "true")
    field(form, "animate.fps").get_by_role("spinbutton").fill("10")
    for tick in form.get_by_label("Run this step").all():
        tick.uncheck()
    form.get_by_role("button", name="Run", exact=True).click()
    expect(field(form, "consent").get_by_role("alert")).to_contain_text(
        re.compile("No consent is recorded.* enter your name here")
    )
    form.get_by_label("Consent", exact=True).fill("Ada Lovelace")
    form.get_by_role("button", name="Run", exact=True).click()

    monitor = form.locator(".wb-monitor")
    expect(monitor.locator(".wb-warnings li")).to_contain_text(["Animation: The face is very dark."])
    expect(monitor.locator(".wb-monitor-title")).to_contain_text("Completed", timeout=90_000)
    video = monitor.locator("video")
    expect(video).to_be_visible()
    expect(video).to_have_attribute("src", re.compile(f"^{re.escape(place.settings.app_url)}/media/"))
    assert video.evaluate("async video => { video.muted = true; await video.play(); return video.videoWidth }") == 256
    assert notebook.python("print(form.job.status.value, form.job.record.experiment)") == "completed by form"
    assert notebook.python("print(form.job.record.graph.metadata['consent']['by'])") == "Ada Lovelace"
    asked = notebook.python("print(form.params, sorted(form.without, reverse=True))")
    assert asked == "{'animate': {'size': 256, 'fps': 10}} ['upscale', 'evaluate']"


def test_a_job_can_be_cancelled_while_a_cell_waits_for_it(notebook: Notebook, gate: Path) -> None:
    view = notebook.run(f"job = wb.run(chain(gate={str(gate)!r}))\njob")
    expect(view.locator(".wb-monitor-title")).to_contain_text("Running")
    waiting = notebook.start("job.wait()")
    view.get_by_role("button", name="Cancel").click()
    expect(view.locator(".wb-monitor-title")).to_contain_text("Cancelled")
    notebook.ended(waiting)
    assert notebook.python("print(job.status.value)") == "cancelled"


def test_run_all_keeps_views_live_and_waiting_cells_tell_the_progress(
    _opened: tuple[Visit, Notebook], lab: Lab, gate: Path, tmp_path: Path
) -> None:
    """The kernel is busy before the first view connects. Stopping a cell leaves its job running."""
    second = tmp_path / "second"
    lab.write(
        "all.ipynb",
        f"from workbench import connect\nwb = connect(start=False)\n{CHAIN}",
        f"graph = wb.graph('two')\na = graph.probe.data(gate={str(gate)!r}, as_='a')\n"
        f"graph.probe.data(text=a.text, gate={str(second)!r}, file_kib=1, as_='b')\njob = wb.run(graph)\njob",
        "job.outputs['b']['file']",
        f"other = wb.run(chain(gate={str(second) + '-never'!r}))\nother.outputs",
    )
    page = _opened[0].page.context.new_page()
    notebook = Notebook(page, lab, "all.ipynb").open()
    page.evaluate("() => void jupyterapp.commands.execute('notebook:run-all-cells')")
    _, view, file, waiting = (page.locator(".jp-CodeCell").nth(number) for number in range(4))
    busy = page.locator(".jp-InputArea-prompt", has_text="[*]")
    done = view.locator('.wb-line[data-status="completed"]')

    expect(view.locator(".wb-monitor-title")).to_contain_text("Running")
    gate.touch()
    expect(done).to_have_count(1)
    expect(busy).to_have_count(2)  # the third cell still waits
    expect(view.locator(".wb-notebook-said")).to_be_hidden()
    second.touch()
    expect(view.locator(".wb-monitor-title")).to_contain_text("Completed")
    expect(file.locator(".wb-notebook-view")).to_contain_text("1.0 kB")

    # The second job is not displayed, so the cell that waits for it tells how far it is.
    expect(waiting).to_contain_text(re.compile(r"Job \S+: 0 %"))
    page.evaluate("() => jupyterapp.commands.execute('notebook:interrupt-kernel')")
    expect(waiting).to_contain_text(re.compile(r"Job (\S+) continues: .*\.wait\(\) waits for it again"))
    expect(waiting).to_contain_text("KeyboardInterrupt")
    # The kernel refuses what it receives right after the interrupt.
    assert wait_for(lambda: notebook.python("print(other.status.value, other.cancel())")) == "running True"
    page.close()


def test_a_script_is_approved_with_changes(notebook: Notebook) -> None:
    view = notebook.run(
        "short = {'approve': True, 'without': ['upscale', 'evaluate']}\n"
        "short |= {'params': {'animate': {'size': 1024, 'fps': 60}}}  # still at it when it is cancelled\n"
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


def test_a_failed_job_shows_the_error_and_the_remedy(notebook: Notebook) -> None:
    view = notebook.run("job = wb.run(chain(bad_input=True))\njob")
    expect(view.locator(".wb-monitor-title")).to_contain_text("Failed")
    expect(view.get_by_role("alert").first).to_contain_text("told to refuse")
    expect(view.get_by_role("alert").first).to_contain_text("Set it to false.")


def test_an_export_has_the_final_state(notebook: Notebook, gate: Path) -> None:
    view = notebook.run(f"job = wb.run(chain(gate={str(gate)!r}))\njob")
    expect(view.locator(".wb-monitor-title")).to_contain_text("Running")
    gate.touch()
    expect(view.locator(".wb-monitor-title")).to_contain_text("Completed")

    def picture() -> str:
        outputs = notebook.save()["cells"][-1]["outputs"]
        assert "application/vnd.jupyter.widget-view+json" in outputs[0]["data"] and len(outputs) == 2
        return "".join(outputs[1]["data"]["text/html"])

    html = wait_for(lambda: found if (found := picture()).count(">completed<") == 2 else "")
    expect(notebook.page.locator(".wb-notebook-picture").last).to_be_hidden()
    assert ">a<" in html and ">b<" in html and "http" not in html


def test_the_curve_of_a_training_grows_in_its_view(notebook: Notebook, gate: Path) -> None:
    train = f"graph.probe.training(steps=60, gate={str(gate)!r}, gate_step=40, as_='train')"
    view = notebook.run(f"graph = wb.graph('training')\n{train}\njob = wb.run(graph)\njob")
    expect(view.get_by_role("img", name=re.compile(r"^loss: [\d.]+ at step 40, from"))).to_be_visible()
    gate.touch()
    expect(view.get_by_role("img", name=re.compile(r"^loss: [\d.]+ at step 60, from"))).to_be_visible()
    assert notebook.python("print(job.series['train.loss'][-1]['step'])") == "60"
