"""The process of one execution, with papermill and the kernel as its child.

It ends when the process that started it ends.

It receives the task as a line of JSON on standard input, which then stays open as a lifeline. It sends progress to
standard output as lines of JSON. All other output goes to standard error.
"""

from __future__ import annotations

import ast
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
from workbench.notebook.execution_context import NOTES, read_notes

BANNER_CHARACTERS = 2000


def main() -> None:
    task = orjson.loads(sys.stdin.buffer.readline())
    threading.Thread(target=_end_with_parent, daemon=True).start()
    say = _message_writer()
    os.environ[NOTES] = task["notes"]
    say({"result": execute(task, say)})


def execute(task: dict[str, Any], say: Callable[[dict[str, Any]], None]) -> dict[str, Any]:
    """Execute the notebook into ``task["part"]`` and its page into ``task["html"]``. Returns the result."""
    import nbformat
    from papermill import execute_notebook
    from papermill.engines import NBClientEngine, papermill_engines
    from papermill.exceptions import PapermillExecutionError
    from papermill.translators import PythonTranslator, papermill_translators

    class WithTuples(PythonTranslator):  # type: ignore[misc]
        @classmethod
        def translate(cls, val: Any) -> str:
            if not isinstance(val, tuple):
                return str(super().translate(val))
            return f"({''.join(f'{cls.translate(one)}, ' for one in val)})"

    class Reporting(NBClientEngine):  # type: ignore[misc]  # papermill has no types
        @classmethod
        def execute_managed_notebook(cls, nb_man: Any, kernel_name: str, **options: Any) -> Any:
            start = nb_man.cell_start

            def report_start(cell: Any, cell_index: int | None = None, **more: Any) -> None:
                say({"cell": cell_index, "of": len(nb_man.nb.cells)})
                start(cell, cell_index, **more)

            nb_man.cell_start = report_start
            return super().execute_managed_notebook(nb_man, kernel_name, **options)

    papermill_engines.register("reporting", Reporting)
    papermill_translators.register("python", WithTuples)
    began = time.time()
    error = None
    try:
        execute_notebook(
            task["notebook"],
            task["part"],
            parameters=ast.literal_eval(task["parameters"]),
            engine_name="reporting",
            kernel_name=task["kernel"],
            language=_language(task["kernel"]),
            progress_bar=False,
            cwd=task["cwd"],
        )
    except PapermillExecutionError as failed:
        error = {"name": failed.ename, "message": failed.evalue, "cell": failed.exec_count}
    except Exception as fault:  # the kernel died or did not start
        if not Path(task["part"]).exists():
            raise
        error = {"name": type(fault).__name__, "message": str(fault), "cell": None}
    document = nbformat.read(task["part"], as_version=4)
    if error is not None:
        _add_error_on_top(document, error)
    notes = read_notes(Path(task["notes"]))
    result: dict[str, Any] = {
        "status": "failed" if error else "completed",
        "error": error,
        "began": began,
        "ended": time.time(),
        "jobs": [note["job"] for note in notes if "job" in note],
        "metrics": {name: value for note in notes for name, value in note.get("metrics", {}).items()},
    }
    document.metadata["workbench"] = {**task["about"], **result}
    nbformat.write(document, task["part"])
    Path(task["html"]).write_text(to_html(document, task["title"]), encoding="utf-8")
    return result


def _language(kernel: str) -> str:
    """The language of the kernel, in which the parameters are written; the notebook itself need not declare it."""
    from jupyter_client.kernelspec import KernelSpecManager

    return str(KernelSpecManager().get_kernel_spec(kernel).language or "python")


def _add_error_on_top(document: Any, error: dict[str, Any]) -> None:
    """Add the error to papermill's first cell, which shows its place; without a failed cell, add a cell for it."""
    import nbformat
    from papermill.execute import ERROR_MARKER_TAG

    if ERROR_MARKER_TAG not in document.cells[0].metadata.get("tags", ()):
        top = nbformat.v4.new_markdown_cell("**The notebook did not finish.**", metadata={"tags": [ERROR_MARKER_TAG]})
        document.cells.insert(0, top)
    text = f"{error['name']}: {error['message']}"[:BANNER_CHARACTERS]
    fence = "~" * max(4, 1 + max(map(len, re.findall("~+", text)), default=0))  # longer than any fence in the text
    document.cells[0].source += f"\n\n{fence}text\n{text}\n{fence}"


def _message_writer() -> Callable[[dict[str, Any]], None]:
    """Reserve standard output for messages; output of kernels and libraries goes to standard error."""
    channel = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)

    def say(message: dict[str, Any]) -> None:
        channel.write(orjson.dumps(message) + b"\n")

    return say


def _end_with_parent() -> None:
    while os.read(0, 1024):  # not sys.stdin, because the interpreter cannot exit while a thread reads from it
        pass
    for process in psutil.Process().children(recursive=True):
        try:
            process.kill()
        except psutil.NoSuchProcess:
            continue
    os._exit(1)


if __name__ == "__main__":
    main()
