"""A pipeline as a form: web/form.js draws it from the pipeline's description; Python reads and sets its values."""

from __future__ import annotations

import html
from collections.abc import Callable, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import traitlets

from schemas.errors import WorkbenchError
from schemas.refs import read_ref
from workbench.client.access import LOCAL
from workbench.client.deployment import Deployment
from workbench.client.describe import describe_pipeline
from workbench.notebook.arguments import params_by_node
from workbench.notebook.job import Job
from workbench.notebook.tables import html_table
from workbench.notebook.widgets.view import View


class JobForm(View):
    """A form that submits a job with a button and displays it below.

    Args:
        submit: ``wb.run``.
    """

    values = traitlets.Dict().tag(sync=True)
    job_id = traitlets.Unicode().tag(sync=True)
    unserved = traitlets.List(traitlets.Unicode()).tag(sync=True)

    def __init__(self, deployment: Deployment, pipeline: str, *, experiment: str, submit: Callable[..., Job]) -> None:
        self._submit = submit
        self.pipeline = describe_pipeline(deployment, pipeline, LOCAL.name)
        values = {"inputs": {}, "params": {}, "leaveOut": [], "seed": 0, "experiment": experiment, "consent": ""}
        shown = self.pipeline.model_dump(mode="json", by_alias=True)
        super().__init__(deployment, "form", {"pipeline": shown}, values=values)

    @property
    def job(self) -> Job | None:
        """The last submitted job."""
        return Job(self._deployment, self.job_id, self.unserved) if self.job_id else None

    @property
    def params(self) -> dict[str, dict[str, Any]]:
        """The parameters that were set, by node, without those of omitted nodes."""
        return {node: dict(values) for node, values in self.values["params"].items() if node not in self.without}

    @property
    def without(self) -> list[str]:
        """The omitted optional nodes."""
        return list(self.values["leaveOut"])

    def set(self, params: Mapping[str, Mapping[str, Any]]) -> JobForm:
        """Fill in parameters by node. Returns the form. Raises WorkbenchError for an unknown parameter."""
        known = [f"{node}.{name}" for node, schemas in self._schemas().items() for name in schemas]
        merged = {node: dict(values) for node, values in self.values["params"].items()}
        for node, values in params_by_node(params, self.pipeline.name).items():
            for name, value in values.items():
                if f"{node}.{name}" not in known:
                    raise WorkbenchError(
                        "graph.bad_param",
                        f"the form has no parameter {node}.{name}",
                        where=self.pipeline.name,
                        seen=f"{node}.{name}",
                        allowed=get_close_matches(f"{node}.{name}", known, n=3) or sorted(known),
                        remedy="Correct the name.",
                    )
                merged.setdefault(node, {})[name] = value
        self.values = {**self.values, "params": merged}
        return self

    def run(self) -> Job:
        """Submit the form. If it raises WorkbenchError, nothing was queued."""
        given: dict[str, Any] = {name: _given(value) for name, value in self.values["inputs"].items()}
        job = self._submit(
            self.pipeline.name,
            **{name: value for name, value in given.items() if value not in (None, "", False)},
            params=self.params,
            without=self.without,
            seed=self.values["seed"],
            experiment=str(self.values["experiment"]).strip() or "workbench",
            consent=str(self.values["consent"]).strip() or None,
        )
        self.job_id, self.unserved = job.id, list(job.unserved)
        return job

    def static_html(self) -> str:
        """Its parameters as a table."""
        rows = [
            {"node": node, "parameter": name, "value": str(self.params.get(node, {}).get(name, schema.get("default")))}
            for node, schemas in self._schemas().items()
            for name, schema in schemas.items()
        ]
        return f"<h3>{html.escape(self.pipeline.title)}</h3>{html_table(rows)}"

    def static_text(self) -> str:
        return repr(self)

    def __repr__(self) -> str:
        return f"<JobForm {self.pipeline.name}{f' {self.job_id}' if self.job_id else ''}>"

    def _schemas(self) -> dict[str, dict[str, Any]]:
        """JSON Schemas of the form's parameters, by node."""
        return {node.id: node.params.get("properties", {}) for node in self.pipeline.nodes}


def _given(value: Any) -> Any:
    """A file in the form for ``wb.run``; other values unchanged."""
    if not isinstance(value, dict):
        return value.strip() if isinstance(value, str) else value
    if value.get("ref"):
        return read_ref(value["ref"])
    return value["path"] if value["path"] == "sample" else Path(value["path"]).expanduser()
