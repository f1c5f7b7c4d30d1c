"""A real JupyterLab and a notebook in it, used like a person would."""

from __future__ import annotations

import json
import os
import secrets
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import nbformat
from playwright.sync_api import Locator, Page

from tests.live import free_port
from tests.stack.conditions import wait_for
from workbench.embedded.part import START_TIMEOUT_S

SETTINGS = {
    "@jupyter-widgets/jupyterlab-manager:plugin": {"saveState": True},
    # JupyterLab would also save a notebook after its kernel has ended, and then without the state of its widgets.
    "@jupyterlab/docmanager-extension:plugin": {"autosave": False},
    "@jupyterlab/apputils-extension:notification": {"fetchNews": "false", "checkForUpdates": False},
}
VIEW = "application/vnd.jupyter.widget-view+json"


@dataclass(frozen=True)
class Lab:
    """A JupyterLab server for a folder."""

    url: str
    token: str
    folder: Path

    def address(self, notebook: str) -> str:
        """The address of a notebook; each call opens its own workspace."""
        return f"{self.url}/lab/workspaces/{secrets.token_hex(4)}/tree/{notebook}?token={self.token}"

    def write(self, notebook: str, *cells: str) -> None:
        """Create a notebook that has not run."""
        document = nbformat.v4.new_notebook(
            cells=[nbformat.v4.new_code_cell(cell) for cell in cells],
            metadata={"kernelspec": {"name": "python3", "display_name": "Python 3"}},
        )
        nbformat.write(document, self.folder / notebook)

    def saved(self, notebook: str) -> dict[str, Any]:
        """The current content of the file."""
        return dict(json.loads((self.folder / notebook).read_text()))


@contextmanager
def jupyterlab(folder: Path, **environment: str) -> Iterator[Lab]:
    """Run JupyterLab on loopback with its own settings; the kernels get the environment. Both end with the block."""
    port, token = free_port(), secrets.token_hex(8)
    (folder / "config" / "labconfig").mkdir(parents=True)
    (folder / "config" / "labconfig" / "default_setting_overrides.json").write_text(json.dumps(SETTINGS))
    (folder / "notebooks").mkdir()
    places = {
        "JUPYTER_CONFIG_DIR": "config",
        "JUPYTER_DATA_DIR": "data",
        "JUPYTER_RUNTIME_DIR": "runtime",
        "JUPYTERLAB_WORKSPACES_DIR": "workspaces",
        "JUPYTERLAB_SETTINGS_DIR": "settings",
        "IPYTHONDIR": "ipython",
    }
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("WORKBENCH_", "JUPYTER"))}
    command = [
        sys.executable,
        "-m",
        "jupyterlab",
        "--no-browser",
        "--ip=127.0.0.1",
        f"--port={port}",
        "--port-retries=0",
    ]
    command += [f"--IdentityProvider.token={token}", f"--ServerApp.root_dir={folder / 'notebooks'}", "--allow-root"]
    command += ["--LabApp.extension_manager=readonly", "--expose-app-in-browser"]
    with (folder / "lab.log").open("wb") as log:
        process = subprocess.Popen(
            command,
            env={**clean, **{name: str(folder / place) for name, place in places.items()}, **environment},
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        url = f"http://127.0.0.1:{port}"
        try:
            wait_for(lambda: _answers(process, f"{url}/api/status?token={token}"), START_TIMEOUT_S)
            yield Lab(url, token, folder / "notebooks")
        finally:
            process.send_signal(signal.SIGTERM)  # JupyterLab ends its kernels
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()


def _answers(process: subprocess.Popen[bytes], url: str) -> bool:
    assert process.poll() is None, "JupyterLab ended"
    try:
        return httpx.get(url, timeout=5).is_success
    except httpx.TransportError:
        return False


class Notebook:
    """A notebook that is open in a page."""

    def __init__(self, page: Page, lab: Lab, name: str) -> None:
        self.page = page
        self.lab = lab
        self.name = name

    def open(self) -> Notebook:
        """Open it, with its kernel; returns itself."""
        self.page.goto(self.lab.address(self.name))
        self.page.wait_for_selector(".jp-Notebook .jp-Cell")
        self.page.evaluate("jupyterapp.shell.currentWidget.context.sessionContext.ready")
        return self

    def run(self, code: str) -> Locator:
        """Append a cell, run it to its end and return its outputs. Raise AssertionError if the cell raised."""
        index = self.start(code)
        self.ended(index)
        return self.output(index)

    def start(self, code: str) -> int:
        """Append and start a cell without waiting; return its number."""
        number: int = self.page.evaluate(
            """code => {
                const panel = jupyterapp.shell.currentWidget;
                panel.content.model.sharedModel.addCell({ cell_type: "code", source: code, metadata: {} });
                const index = panel.content.widgets.length - 1;
                panel.content.activeCellIndex = index;
                panel.content.deselectAll();
                globalThis.lastRun = jupyterapp.commands.execute("notebook:run-cell");
                return index;
            }""",
            code,
        )
        return number

    def ended(self, index: int) -> None:
        """Wait for the cell. Raise AssertionError if the cell raised."""
        outputs = self.page.evaluate(
            """async index => {
                await globalThis.lastRun;
                return jupyterapp.shell.currentWidget.content.widgets[index].model.outputs.toJSON();
            }""",
            index,
        )
        raised = [f"{one['ename']}: {one['evalue']}" for one in outputs if one["output_type"] == "error"]
        assert not raised, raised

    def output(self, index: int) -> Locator:
        """The output area of a cell, scrolled into view."""
        self.page.evaluate("index => jupyterapp.shell.currentWidget.content.scrollToItem(index, 'center')", index)
        return self.page.locator(f'.jp-Cell[data-windowed-list-index="{index}"] .jp-OutputArea')

    def python(self, code: str) -> str:
        """Run code in the kernel without a cell; return its printed text."""
        printed: str = self.page.evaluate(
            """async code => {
                const kernel = jupyterapp.shell.currentWidget.context.sessionContext.session.kernel;
                const future = kernel.requestExecute({ code, store_history: false });
                let printed = "";
                future.onIOPub = ({ content }) => {
                    if (content.traceback) printed += content.traceback.join("\\n");
                    else if (content.text) printed += content.text;
                };
                await future.done;
                return printed;
            }""",
            code,
        )
        return printed.strip()

    def save(self) -> dict[str, Any]:
        """Save the notebook; return the content of the file."""
        self.page.evaluate("jupyterapp.commands.execute('docmanager:save')")
        return self.lab.saved(self.name)

    def saves_views(self, number: int) -> bool:
        """Save the notebook; whether the file has the state of the widgets that the cell shows."""
        saved = self.save()
        kept = saved["metadata"].get("widgets", {}).get("application/vnd.jupyter.widget-state+json", {})
        data = [one.get("data", {}) for one in saved["cells"][number]["outputs"]]
        shown = [one[VIEW]["model_id"] for one in data if VIEW in one]
        return bool(shown) and kept.get("state", {}).keys() >= set(shown)

    def restart(self) -> None:
        """Restart the kernel."""
        self.page.evaluate("jupyterapp.shell.currentWidget.context.sessionContext.restartKernel()")
        self.page.evaluate("jupyterapp.shell.currentWidget.context.sessionContext.ready")

    def dark(self, dark: bool = True) -> None:
        """Switch to JupyterLab's dark or light theme."""
        theme = "JupyterLab Dark" if dark else "JupyterLab Light"
        self.page.evaluate("theme => jupyterapp.commands.execute('apputils:change-theme', { theme })", theme)
        self.page.wait_for_function("dark => document.body.dataset.jpThemeLight === String(!dark)", arg=dark)
