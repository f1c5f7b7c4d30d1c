"""The widgets. Each is imported when it is first displayed, because it needs optional packages.

Raises WorkbenchError (stack.missing_package) if one of these packages is not installed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from schemas.graph import Graph
from schemas.refs import Ref
from schemas.status import NodeStatus
from workbench.client.deployment import Deployment
from workbench.store.listing import JobLine

if TYPE_CHECKING:
    from workbench.notebook.widgets.artifact_view import ArtifactView
    from workbench.notebook.widgets.graph_drawing import GraphDrawing
    from workbench.notebook.widgets.job_views import GraphView, JobMonitor
    from workbench.notebook.widgets.run_table import RunTable


def artifact_view(deployment: Deployment, ref: Ref, title: str, *, named: bool) -> ArtifactView:
    """The widget of an artifact."""
    from workbench.notebook.widgets.artifact_view import ArtifactView

    return ArtifactView(deployment, ref, title, named=named)


def job_monitor(deployment: Deployment, job_id: str, unserved: Sequence[str]) -> JobMonitor:
    """The live widget of a job."""
    from workbench.notebook.widgets.job_views import JobMonitor

    return JobMonitor(deployment, job_id, unserved)


def graph_view(deployment: Deployment, job_id: str, unserved: Sequence[str]) -> GraphView:
    """The live widget of a job's graph."""
    from workbench.notebook.widgets.job_views import GraphView

    return GraphView(deployment, job_id, unserved)


def graph_drawing(deployment: Deployment, graph: Graph, states: Mapping[str, NodeStatus]) -> GraphDrawing:
    """The drawing of a graph with its current states."""
    from workbench.notebook.widgets.graph_drawing import GraphDrawing

    return GraphDrawing(deployment, graph, states)


def run_table(deployment: Deployment, lines: Callable[[], list[JobLine]], columns: Iterable[str]) -> RunTable:
    """The widget of a table of runs."""
    from workbench.notebook.widgets.run_table import RunTable

    return RunTable(deployment, lines, columns)
