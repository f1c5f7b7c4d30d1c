"""The drawing of a graph with its current states."""

from __future__ import annotations

from collections.abc import Mapping

from schemas.graph import Graph
from schemas.status import NodeStatus
from workbench.client.deployment import Deployment
from workbench.engine.accept import streams_of
from workbench.notebook.static_html import graph_html, graph_text
from workbench.notebook.widgets.view import View


class GraphDrawing(View):
    """Nodes with their states, and the edges between them. Needs no kernel after it was created."""

    def __init__(self, deployment: Deployment, graph: Graph, states: Mapping[str, NodeStatus]) -> None:
        self._graph, self._states = graph, states
        nodes = [
            {
                "id": node.id,
                "name": node.name or node.id,
                "words": node.service,
                "status": states.get(node.id, node.status).value,
            }
            for node in graph.nodes
        ]
        edges = [edge.model_dump(mode="json", by_alias=True, include={"from_", "to", "kind"}) for edge in graph.edges]
        streams = [one.model_dump(mode="json", by_alias=True) for one in streams_of(graph)]
        super().__init__(deployment, "drawing", {"nodes": nodes, "edges": edges, "streams": streams})

    def static_html(self) -> str:
        return graph_html(self._graph, self._states)

    def static_text(self) -> str:
        return graph_text(self._graph)
