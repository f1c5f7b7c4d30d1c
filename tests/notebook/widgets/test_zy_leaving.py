"""A removed view or a closed page leaves nothing behind; also the messages while a kernel is busy."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.app.pages.conftest import PATIENCE_MS
from tests.notebook.widgets.conftest import CHAIN
from tests.notebook.widgets.lab import Lab, Notebook
from tests.stack.conditions import wait_for

pytestmark = [pytest.mark.stack, pytest.mark.slow]

PAPER = "leaving.ipynb"
# Every timer of our modules, which come from blob: addresses.
COUNT = """
(() => {
    const { setInterval, clearInterval } = window;
    const ours = (globalThis.oursRepeating = new Map());
    window.setInterval = (callback, ...more) => {
        const id = setInterval(callback, ...more);
        if (new Error().stack.includes("blob:")) ours.set(id, callback);
        return id;
    };
    window.clearInterval = (id) => {
        ours.delete(id);
        clearInterval(id);
    };
})();
"""
SOCKETS = """
from workbench.notebook.widgets.modules import channel_of
print(channel_of(wb.deployment).watching)
"""
SHEETS = """
document.adoptedStyleSheets
    .filter((sheet) => [...sheet.cssRules].some((rule) => rule.cssText.includes(".wb-notebook"))).length
"""
KERNEL = "jupyterapp.shell.currentWidget.context.sessionContext.session.kernel"
TELLING = """
import pathlib, threading, time
from workbench.notebook import channel
from workbench.notebook.widgets.modules import channel_of
channel.GONE_S, channel.CHECK_S = 20.0, 0.5

def tell():
    while True:
        pathlib.Path({file!r}).write_text(str(channel_of(wb.deployment).watching))
        time.sleep(0.1)

threading.Thread(target=tell, daemon=True).start()
"""
CLEAR = "jupyterapp.commands.execute('notebook:clear-all-cell-outputs')"


@pytest.fixture(scope="module")
def page(browser: Browser) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 1280, "height": 1000})
    context.set_default_timeout(PATIENCE_MS)
    context.add_init_script(COUNT)
    yield context.new_page()
    context.close()


@pytest.fixture(scope="module")
def paper(page: Page, lab: Lab) -> Notebook:
    """A notebook with its own kernel in a front end without subshells: a busy kernel receives no messages."""
    lab.write(PAPER, "pass")
    notebook = Notebook(page, lab, PAPER).open()
    page.evaluate(f"{KERNEL}.commsOverSubshells = 'disabled'")
    assert notebook.python(f"from workbench import connect\nwb = connect(start=False)\n{CHAIN}") == ""
    return notebook


def repeating(page: Page) -> int:
    return int(page.evaluate("oursRepeating.size"))


def test_cleared_outputs_leave_no_timers_and_sockets(paper: Notebook, page: Page, gate: Path) -> None:
    view = paper.run(f"job = wb.run(chain(gate={str(gate)!r}))\njob")
    table = paper.run("wb.runs(limit=5)")
    expect(table.locator(".wb-grid-row").first).to_be_visible()
    expect(view.locator(".wb-monitor-title")).to_contain_text("Running")
    assert paper.python(SOCKETS) == "1" and repeating(page) >= 2
    page.evaluate(CLEAR)
    wait_for(lambda: paper.python(SOCKETS) == "0")
    page.evaluate("for (const callback of oursRepeating.values()) callback()")  # idle timers stop at their next call
    assert repeating(page) == 0


def test_a_view_that_is_removed_at_once_leaves_no_socket(paper: Notebook, page: Page, gate: Path) -> None:
    paper.run(f"from IPython.display import clear_output\njob = wb.run(chain(gate={str(gate)!r}))")
    for _ in range(5):
        paper.run("display(job)\nclear_output()")
    view = paper.run("job")
    expect(view.locator(".wb-monitor-title")).to_contain_text("Running")
    page.evaluate(CLEAR)
    wait_for(lambda: paper.python(SOCKETS) == "0")


def test_a_busy_kernel_is_not_reported_as_gone(paper: Notebook, page: Page, gate: Path) -> None:
    """The kernel does not respond before the cell ends."""
    hold = f"import pathlib, time\nwhile not pathlib.Path({str(gate)!r}).exists():\n    time.sleep(0.05)"
    cell = paper.start(f"display(wb.form('talking_head'), wb.run(chain()))\n{hold}")
    views = paper.output(cell).locator(".wb-notebook")
    expect(views).to_have_count(2)
    form, view = views.all()
    for one in (form, view):
        expect(one.locator(".wb-notebook-said")).to_contain_text("The kernel does not respond")
    expect(form.get_by_role("button", name="Run", exact=True)).to_have_css("pointer-events", "auto")
    gate.touch()
    paper.ended(cell)
    expect(form.locator(".wb-notebook-said")).to_be_hidden()
    expect(view.locator(".wb-monitor-title")).to_contain_text("Completed")
    expect(view.locator(".wb-notebook-said")).to_be_hidden()


def test_restarted_kernels_share_one_style_sheet(paper: Notebook, page: Page) -> None:
    connect = f"from workbench import connect\nwb = connect(start=False)\n{CHAIN}"
    for _ in range(2):
        paper.restart()
        view = paper.run(f"{connect}\nwb.run(chain()).wait()")
        expect(view.locator(".wb-monitor-title")).to_contain_text("Completed")
    assert page.evaluate(SHEETS) == 1


def test_a_closed_page_leaves_no_socket(paper: Notebook, page: Page, gate: Path, tmp_path: Path) -> None:
    told = tmp_path / "sockets"
    view = paper.run(f"job = wb.run(chain(gate={str(gate)!r}))\njob")
    expect(view.locator(".wb-monitor-title")).to_contain_text("Running")
    assert paper.python(TELLING.format(file=str(told))) == ""
    wait_for(lambda: told.exists() and told.read_text() == "1")
    paper.save()
    page.goto("about:blank")
    wait_for(lambda: told.read_text() == "0")
