"""The process of one execution: papermill and, below it, the kernel. It ends when whoever started it ends.

A description comes as a line of JSON on standard input, which then stays open as a lifeline; progress goes to standard
output as lines of JSON; everything else that is printed goes to standard error.
"""

from __future__ import annotations

import os
import re
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import psutil

from workbench.notebook.execution.export import to_html
from workbench.notebook.within import NOTES, read_notes

BANNER_CHARACTERS = 2000


def main() -> None:
    task = orjson.loads(sys.stdin.buffer.readline())
    threading.Thread(target=_end_with_the_starter, daemon=True).start()
    say = _speaker()
    os.environ[NOTES] = task["notes"]
    say({"result": execute(task, say)})


def execute(task: dict[str, Any], say: Callable[[dict[str, Any]], None]) -> dict[str, Any]:
    """Run the notebook into ``task["part"]`` and its page into ``task["html"]``; returns what came of it."""
    import nbformat
    from papermill import execute_notebook
    from papermill.engines import NBClientEngine, papermill_engines
    from papermill.exceptions import PapermillExecutionError

    class Reporting(NBClientEngine):  # type: ignore[misc]  # papermill has no types
        @classmethod
        def execute_managed_notebook(cls, nb_man: Any, kernel_name: str, **options: Any) -> Any:
            start = nb_man.cell_start

            def told(cell: Any, cell_index: int | None = None, **more: Any) -> None:
                say({"cell": cell_index, "of": len(nb_man.nb.cells)})
                start(cell, cell_index, **more)

            nb_man.cell_start = told
            return super().execute_managed_notebook(nb_man, kernel_name, **options)

    papermill_engines.register("reporting", Reporting)
    began = time.time()
    error = None
    try:
        execute_notebook(
            task["notebook"],
            task["part"],
            parameters=task["parameters"],
            engine_name="reporting",
            kernel_name=task["kernel"],
            language=_language(task["kernel"]),
            progress_bar=False,
            cwd=task["cwd"],
        )
    except PapermillExecutionError as failed:
        error = {"name": failed.ename, "message": failed.evalue, "cell": failed.exec_count}
    except Exception as fault:  # its kernel died, or did not start
        if not Path(task["part"]).exists():
            raise
        error = {"name": type(fault).__name__, "message": str(fault), "cell": None}
    document = nbformat.read(task["part"], as_version=4)
    if error is not None:
        _say_it_on_top(document, error)
    told = read_notes(Path(task["notes"]))
    result: dict[str, Any] = {
        "status": "failed" if error else "completed",
        "error": error,
        "began": began,
        "ended": time.time(),
        "jobs": [note["job"] for note in told if "job" in note],
        "figures": {name: value for note in told for name, value in note.get("figures", {}).items()},
    }
    document.metadata["workbench"] = {**task["about"], **result}
    nbformat.write(document, task["part"])
    Path(task["html"]).write_text(to_html(document, task["title"]), encoding="utf-8")
    return result


def _language(kernel: str) -> str:
    """What the kernel speaks; the notebook itself need not say it. Its parameters are written in that."""
    from jupyter_client.kernelspec import KernelSpecManager

    return str(KernelSpecManager().get_kernel_spec(kernel).language or "python")


def _say_it_on_top(document: Any, error: dict[str, Any]) -> None:
    """papermill's first cell says where; what was raised belongs there too. Where no cell raised, it has none."""
    import nbformat
    from papermill.execute import ERROR_MARKER_TAG

    if ERROR_MARKER_TAG not in document.cells[0].metadata.get("tags", ()):
        top = nbformat.v4.new_markdown_cell("**The notebook was not finished.**", metadata={"tags": [ERROR_MARKER_TAG]})
        document.cells.insert(0, top)
    text = f"{error['name']}: {error['message']}"[:BANNER_CHARACTERS]
    fence = "~" * max(4, 1 + max(map(len, re.findall("~+", text)), default=0))  # longer than any in it: it stays within
    document.cells[0].source += f"\n\n{fence}text\n{text}\n{fence}"


def _speaker() -> Callable[[dict[str, Any]], None]:
    """Standard output for messages alone: what kernels and libraries print goes where errors go."""
    channel = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)

    def say(message: dict[str, Any]) -> None:
        channel.write(orjson.dumps(message) + b"\n")

    return say


def _end_with_the_starter() -> None:
    while os.read(0, 1024):  # not sys.stdin: the interpreter cannot end while a thread reads from that
        pass
    for process in psutil.Process().children(recursive=True):
        try:
            process.kill()
        except psutil.NoSuchProcess:
            continue
    os._exit(1)


if __name__ == "__main__":
    main()
