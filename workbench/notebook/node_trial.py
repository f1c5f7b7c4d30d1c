"""Runs a node function in this process, as a worker would, to test it before it becomes a file."""

from __future__ import annotations

import sys
import tempfile
import time
import typing
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from nodes.local import FolderHost, local_context
from schemas.errors import WorkbenchError
from schemas.refs import Ref, read_ref
from workbench.client.deployment import Deployment
from workbench.notebook.arguments import file_kind, inputs_and_params, validated
from workbench.notebook.artifact import Artifact
from workbench.notebook.tables import html_table

Upload = Callable[[Any, str], Ref]


class NodeTrial:
    """The result of a trial run. Its outputs are attributes; files are artifacts that display themselves."""

    def __init__(self, outputs: dict[str, Any], seconds: float, metrics: dict[str, float]) -> None:
        self.outputs = outputs
        self.seconds = seconds
        self.metrics = metrics

    def __getattr__(self, name: str) -> Any:
        outputs = self.__dict__.get("outputs", {})
        if name not in outputs:
            raise AttributeError(f"the node has no output {name}; it has {', '.join(outputs)}", name=name, obj=self)
        return outputs[name]

    def __dir__(self) -> Iterable[str]:
        return [*super().__dir__(), *self.outputs]

    def __repr__(self) -> str:
        values = ", ".join(f"{name}={_short(value)}" for name, value in self.outputs.items())
        return f"<{values} in {self.seconds:.2f} s>"

    def _repr_html_(self) -> str:
        files = [value._repr_html_() for value in self.outputs.values() if isinstance(value, Artifact)]
        rows = [{"output": k, "value": _short(v)} for k, v in self.outputs.items() if not isinstance(v, Artifact)]
        rows += [{"output": f"metric {name}", "value": f"{value:.4g}"} for name, value in self.metrics.items()]
        return "".join(files) + (html_table(rows) if rows else "") + f"<p>{self.seconds:.2f} s, in this process</p>"


class _NotebookHost(FolderHost):
    """Reads artifacts of the deployment; new files stay in a folder until they are displayed."""

    def __init__(self, deployment: Deployment, folder: Path) -> None:
        super().__init__(folder, on_progress=_bar if sys.stderr.isatty() else None)
        self._deployment = deployment

    def fetch(self, ref: Ref) -> Path:
        path = self.folder / ref.sha256
        return path if path.exists() else self._deployment.open(ref)


def try_node(
    deployment: Deployment, node: Callable[..., Any], *, seed: int, values: dict[str, Any], upload: Upload
) -> NodeTrial:
    """See ``Workbench.try_node``.

    Args:
        upload: stores a file of a kind and returns its reference.

    Raises WorkbenchError: graph.bad_param, node.bad_input, node.bad_output, and the exceptions of the node.
    """
    hints = typing.get_type_hints(node)
    missing = [name for name in ("params", "inputs", "return") if not _is_model(hints.get(name))]
    if missing:
        raise WorkbenchError(
            "node.bad_declaration",
            f"{missing[0]} is not annotated with a pydantic model",
            where=getattr(node, "__name__", "the node"),
            allowed="run(ctx: Context, params: Params, inputs: Inputs) -> Outputs",
            remedy="Annotate it; docs/nodes.md has a complete example.",
        )
    takes, has = hints["inputs"], hints["params"]
    given, chosen = inputs_and_params(values, takes, has, node="the node", where="", remedy="Correct the name.")
    with tempfile.TemporaryDirectory(prefix="workbench-try-") as name:
        folder = Path(name)
        ctx = local_context(folder, seed=seed, settings=_settings(deployment))
        ctx.host = host = _NotebookHost(deployment, folder)
        for name, value in given.items():
            if kind := file_kind(takes.model_fields[name]):
                given[name] = upload(value, kind)
        inputs, params = _validated(takes, given), _validated(has, chosen)
        began = time.perf_counter()
        answer = node(ctx, params, inputs)
        seconds = time.perf_counter() - began
        if not isinstance(answer, hints["return"]):
            raise WorkbenchError(
                "node.bad_output",
                f"the node returned {type(answer).__name__}",
                where=getattr(node, "__name__", "the node"),
                allowed=hints["return"].__name__,
                remedy=f"Return {hints['return'].__name__}(…).",
            )
        shown = answer.model_dump(mode="json", by_alias=True)
        outputs = {name: _kept(deployment, host, value) for name, value in shown.items()}
    return NodeTrial(outputs, seconds, dict(host.metrics))


def _is_model(hint: Any) -> bool:
    return isinstance(hint, type) and issubclass(hint, BaseModel)


def _settings(deployment: Deployment) -> dict[str, str]:
    settings = deployment.settings
    return {"llm_url": settings.llm_url, "llm_model": settings.llm_model, "llm_api_key": settings.llm_api_key}


def _validated(model: type[BaseModel], values: dict[str, Any]) -> Any:
    return validated(model, values, "graph.bad_param", where=model.__name__, model=model)


def _kept(deployment: Deployment, host: FolderHost, value: Any) -> Any:
    """An output for display: files are stored in the object store, so that a browser can play them by URL."""
    ref = read_ref(value)
    if ref is None:
        return value
    made = host.folder / ref.sha256
    if made.exists():
        deployment.keep(made, ref)
    return Artifact(deployment, ref, named=False)


def _bar(done: float, total: float, unit: str) -> None:
    end = "\n" if done >= total else ""
    print(f"\r{done:.0f}/{total:.0f} {unit}", end=end, file=sys.stderr, flush=True)


def _short(value: Any) -> str:
    text = repr(value) if not isinstance(value, str) else value
    return text if len(text) <= 200 else text[:199] + "…"
