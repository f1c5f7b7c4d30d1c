"""One stack with its page, one JupyterLab, one browser and one kernel for all widget tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests.app.pages.conftest import PATIENCE_MS
from tests.app.pages.conftest import _nothing_left as _nothing_left
from tests.app.pages.conftest import browser as browser
from tests.app.pages.conftest import place as place
from tests.app.pages.place import Place
from tests.app.pages.visit import Visit
from tests.cli.program import ROOT
from tests.notebook.widgets.lab import Lab, Notebook, jupyterlab

MORE = {"WORKBENCH_NODE_MODULES": "tests.engine.probe_nodes", "PYTHONPATH": str(ROOT)}
PAPER = "widgets.ipynb"
CHAIN = """
def chain(**first):
    graph = wb.graph("chain")
    a = graph.probe.data(value="a", as_="a", **first)
    graph.probe.data(value="b", text=a.text, file_kib=1, as_="b")
    return graph
"""


@pytest.fixture(scope="package")
def lab(place: Place, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with jupyterlab(tmp_path_factory.mktemp("lab"), WORKBENCH_HOME=str(place.program.home), **MORE) as lab:
        yield lab


@pytest.fixture(scope="package")
def _opened(browser: Browser, lab: Lab) -> Iterator[tuple[Visit, Notebook]]:
    lab.write(PAPER, "pass")
    context = browser.new_context(viewport={"width": 1280, "height": 1000})
    context.set_default_timeout(PATIENCE_MS)
    visit = Visit(context.new_page())
    yield visit, Notebook(visit.page, lab, PAPER).open()
    context.close()


@pytest.fixture
def notebook(_opened: tuple[Visit, Notebook]) -> Iterator[Notebook]:
    """A notebook with ``wb`` and ``chain``, in the kernel that all tests share. No test may have met an error in the
    console, a refused request or another host."""
    visit, notebook = _opened
    if notebook.python("print('wb' in globals())") != "True":
        assert notebook.python(f"from workbench import connect\nwb = connect(start=False)\n{CHAIN}") == ""
    yield notebook
    met = visit.problems()
    visit.forget()
    assert met == []


@pytest.fixture
def gate(tmp_path: Path) -> Iterator[Path]:
    """A file that a probe waits for. A failed test must not leave the only worker waiting."""
    file = tmp_path / "gate"
    yield file
    file.touch()
