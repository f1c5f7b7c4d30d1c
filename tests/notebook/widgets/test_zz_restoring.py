"""Views after a reload of the page, a restart of the kernel, or opening the file again later.

Last of this folder: the kernel that the tests share is restarted here.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.notebook.widgets.conftest import CHAIN
from tests.notebook.widgets.lab import Notebook
from tests.stack.conditions import wait_for

pytestmark = [pytest.mark.stack, pytest.mark.slow]

CONNECT = f"from workbench import connect\nwb = connect(start=False)\n{CHAIN}"
NOT_RUNNING = "The kernel does not run"


def test_views_follow_the_theme(notebook: Notebook) -> None:
    view = notebook.run("wb.run(chain())").locator(".wb-notebook")
    colour = "element => getComputedStyle(element).color"
    light = view.evaluate(colour)
    notebook.dark()
    expect(view).to_have_class(re.compile(r"\bdark\b"))
    assert view.evaluate(colour) != light
    body = notebook.page.evaluate("getComputedStyle(document.body).getPropertyValue('--wb-text')")
    assert body == ""  # JupyterLab's own page has none of our styles
    notebook.dark(False)
    expect(view).not_to_have_class(re.compile(r"\bdark\b"))


def shows_when_reopened(notebook: Notebook, number: int, state: str) -> bool:
    """Whether the reloaded page shows the job in this state. ipywidgets restores no view if the kernel, which may be a
    new one, answers its first request late; the next reload does."""
    notebook.open()
    title = notebook.output(number).locator(".wb-monitor-title")
    try:
        expect(title).to_contain_text(state, timeout=20_000)
    except AssertionError:
        return False
    return True


def test_a_reloaded_page_continues_live(notebook: Notebook, gate: Path) -> None:
    view = notebook.run(f"job = wb.run(chain(gate={str(gate)!r}))\njob")
    number = notebook.page.locator(".jp-Cell").count() - 1
    expect(view.locator(".wb-monitor-title")).to_contain_text("Running")
    notebook.save()
    wait_for(lambda: shows_when_reopened(notebook, number, "Running"))
    view = notebook.output(number)
    expect(view.locator(".wb-notebook-said")).to_be_hidden()
    gate.touch()
    expect(view.locator(".wb-monitor-title")).to_contain_text("Completed")


def test_views_keep_the_last_state_and_work_again_after_a_kernel_restart(notebook: Notebook) -> None:
    view = notebook.run("job = wb.run(chain()).wait()\njob")
    expect(view.locator(".wb-monitor-title")).to_contain_text("Completed")
    expect(view.locator(".wb-files")).to_be_visible()
    notebook.save()
    notebook.restart()
    expect(view.locator(".wb-notebook-said")).to_contain_text(NOT_RUNNING)
    expect(view.locator(".wb-monitor-title")).to_contain_text("Completed")

    notebook.run(f"{CONNECT}\nwb.runs(limit=1)[0]")
    expect(view.locator(".wb-notebook-said")).to_be_hidden()  # the new kernel also answers for the older cell
    view.locator(".wb-line summary").first.click()
    expect(view.locator(".wb-line-log").first).to_contain_text("probe.data")


def test_a_form_shows_that_its_kernel_is_gone_and_its_last_values(notebook: Notebook) -> None:
    form = notebook.run("form = wb.form('talking_head')\nform").locator(".wb-notebook")
    form.get_by_label("Script", exact=True).fill("As it was left.")
    assert notebook.python("print(form.values['inputs']['script'])") == "As it was left."
    expect(form.get_by_text("does not run")).to_be_hidden()
    notebook.save()
    notebook.restart()
    expect(form.get_by_text("does not run")).to_be_visible()
    expect(form.get_by_label("Script", exact=True)).to_have_value("As it was left.")
    expect(form.get_by_role("button", name="Run", exact=True)).to_have_css("pointer-events", "none")
    form = notebook.run(f"{CONNECT}\nwb.form('talking_head')").locator(".wb-notebook")
    expect(form.get_by_role("button", name="Run", exact=True)).to_be_enabled()
    expect(form.get_by_text("does not run")).to_be_hidden()


def test_a_saved_notebook_shows_the_last_state_without_its_kernel(notebook: Notebook) -> None:
    view = notebook.run("job = wb.run(chain()).wait()\njob")
    expect(view.locator(".wb-monitor-title")).to_contain_text("Completed")
    number = notebook.page.locator(".jp-Cell").count() - 1
    wait_for(lambda: notebook.saves_views(number))
    notebook.page.evaluate("jupyterapp.shell.currentWidget.context.sessionContext.shutdown()")
    wait_for(lambda: shows_when_reopened(notebook, number, "Completed"))
    view = notebook.output(number)
    expect(view.locator(".wb-line")).to_have_count(2)
    expect(view.locator(".wb-notebook-said")).to_contain_text(NOT_RUNNING)
