"""Run a node without any server, with artifacts in a folder. For tests, notebooks and measurements."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel

from nodes.context import Context, take_over
from nodes.model_cache import ModelCache
from nodes.sdk import DECLARED
from schemas.approval import Decision, Question
from schemas.errors import WorkbenchError
from schemas.refs import Ref

Params = TypeVar("Params", bound=BaseModel)
Inputs = TypeVar("Inputs", bound=BaseModel)
Outputs = TypeVar("Outputs", bound=BaseModel)


class FolderHost:
    """A host that keeps artifacts in a folder and records all calls."""

    def __init__(self, folder: Path, on_progress: Callable[[float, float, str], None] | None = None) -> None:
        self.folder = folder
        self.metrics: dict[str, float] = {}
        self.series: dict[str, dict[int, float]] = {}  # metric -> step -> value
        self.parts: list[dict[str, Any]] = []
        self.previews: list[Path] = []
        self.progressed: list[tuple[float, float, str]] = []
        self.said: list[str] = []
        self.decision: Decision | None = None  # the person's answer; None approves the text unchanged
        self._on_progress = on_progress

    def fetch(self, ref: Ref) -> Path:
        path = self.folder / ref.sha256
        if not path.exists():
            raise WorkbenchError("store.missing", f"no artifact {ref.sha256[:12]} in {self.folder}", where=str(path))
        return path

    def store(self, path: Path, ref: Ref) -> None:
        take_over(path, self.folder / ref.sha256)

    def progress(self, done: float, total: float, unit: str) -> None:
        self.progressed.append((done, total, unit))
        if self._on_progress:
            self._on_progress(done, total, unit)

    def preview(self, path: Path, media_type: str) -> None:
        self.previews.append(path)

    def metric(self, name: str, value: float, step: int | None) -> None:
        self.metrics[name] = value
        if step is not None:
            self.series.setdefault(name, {})[step] = value

    def log(self, text: str) -> None:
        self.said.append(text)

    def part(self, index: int, part: dict[str, Any]) -> None:
        self.parts.append(part)

    def ask(self, question: Question) -> Decision:
        return self.decision or Decision(approved=True, text=question.text, author="local")

    def cancelled(self) -> bool:
        return False


def local_context(folder: Path, models: ModelCache | None = None, **options: Any) -> Context:
    """A context on a folder; ``options`` are those of Context (seed, settings, parts, …)."""
    folder.mkdir(parents=True, exist_ok=True)
    workdir = Path(tempfile.mkdtemp(prefix="node-", dir=folder))
    return Context(FolderHost(folder), workdir=workdir, models=models or ModelCache(), **options)


def run_locally(
    run: Callable[[Context, Params, Inputs], Outputs], ctx: Context, params: dict[str, Any], inputs: dict[str, Any]
) -> Outputs:
    """Call a node function with validated params and inputs, as a worker does."""
    import typing

    hints = typing.get_type_hints(run)
    ctx.declare_part(next((one.part for one in DECLARED.values() if one.run is run), None))
    return run(ctx, hints["params"].model_validate(params), hints["inputs"].model_validate(inputs))
