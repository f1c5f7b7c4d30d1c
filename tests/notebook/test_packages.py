"""Missing packages of the optional extras."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from schemas.errors import WorkbenchError
from tests.cli.program import Program
from tests.live import Diary
from workbench.notebook.display import in_a_notebook
from workbench.notebook.tables import Table
from workbench.notebook.workbench import Workbench

WITHOUT = "import sys\nsys.modules['jupyterlab'] = None\n"


def take_away(monkeypatch: pytest.MonkeyPatch, *names: str) -> None:
    """Simulate missing packages, with no message shown yet."""
    for name in [one for one in sys.modules if one.startswith("workbench.notebook.widgets")]:
        monkeypatch.delitem(sys.modules, name)
    for name in names:
        monkeypatch.setitem(sys.modules, name, None)


@pytest.mark.stack
def test_a_feature_names_its_missing_package(wb: Workbench, diary: Diary, monkeypatch: pytest.MonkeyPatch) -> None:
    graph = wb.graph("one")
    graph.probe.data(value="a", log=str(diary.path), file_kib=1)
    job = wb.run(graph).wait()
    runs, file = wb.runs(), job.artifacts[0]["artifact"]
    take_away(monkeypatch, "anywidget", "pandas")
    for ask in (lambda: wb.form(), job.monitor, job.graph_view, runs.table, file.view):
        with pytest.raises(WorkbenchError) as caught:
            ask()
        assert (caught.value.code, "anywidget" in caught.value.message) == ("stack.missing_package", True)
        assert "pip install 'talking-head-workbench[notebook]'" in str(caught.value.remedy)
    for frame in (runs.to_pandas, Table([]).to_pandas):
        with pytest.raises(WorkbenchError) as caught:
            frame()
        assert (caught.value.code, "pandas" in caught.value.message) == ("stack.missing_package", True)
        assert "pip install 'talking-head-workbench[notebook]'" in str(caught.value.remedy)


@pytest.mark.parametrize("package", ["anywidget", "ipywidgets"])
def test_a_notebook_without_widget_packages_shows_images(package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    import IPython

    monkeypatch.setattr(IPython, "get_ipython", lambda: SimpleNamespace(kernel=object()))
    assert in_a_notebook()
    take_away(monkeypatch, package)
    assert not in_a_notebook()


def test_lab_is_refused_before_a_stack_starts(tmp_path: Path) -> None:
    site = tmp_path / "site"
    site.mkdir()
    (site / "sitecustomize.py").write_text(WITHOUT)
    home = tmp_path / "home"
    ended = Program(home, PYTHONPATH=str(site)).try_("lab", "--no-open", "--json")
    assert (ended.code, ended.error["code"]) == (2, "stack.missing_package")
    assert "pip install" in ended.error["details"]["remedy"]
    assert not home.exists()
