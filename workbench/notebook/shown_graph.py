"""A graph with the current state of its nodes: a drawing in the browser, a table without scripts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from schemas.graph import Graph
from schemas.status import NodeStatus
from workbench.client.deployment import Deployment
from workbench.notebook.display import show_as
from workbench.notebook.static_html import graph_html, graph_text

if TYPE_CHECKING:
    from workbench.notebook.widgets.graph_drawing import GraphDrawing


class ShownGraph:
    """A graph that displays itself. ``document`` is the submitted or future document."""

    def __init__(self, deployment: Deployment, document: Graph, states: Mapping[str, NodeStatus]) -> None:
        self.document = document
        self._deployment = deployment
        self._states = states

    def _ipython_display_(self) -> None:
        show_as(self._drawing)

    def _drawing(self) -> GraphDrawing:
        from workbench.notebook.widgets.graph_drawing import GraphDrawing  # needs optional packages

        return GraphDrawing(self._deployment, self.document, self._states)

    def _repr_html_(self) -> str:
        return graph_html(self.document, self._states)

    def __repr__(self) -> str:
        return graph_text(self.document)
