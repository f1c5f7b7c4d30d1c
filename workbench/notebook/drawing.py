"""A graph drawn as SVG, without JavaScript: for static notebooks, and for what is not running.

Layers by the longest path, order within them by barycentres: Sugiyama, Tagawa and Toda, "Methods for visual
understanding of hierarchical system structures", IEEE SMC 1981. The widget draws the same in the browser.
"""

from __future__ import annotations

import html
from collections.abc import Mapping

from schemas.graph import Graph
from schemas.status import NodeStatus
from workbench.engine.structure import topological_order

WIDTH, HEIGHT, GAP_X, GAP_Y = 156.0, 46.0, 44.0, 18.0
SWEEPS = 4
_COLOURS = {
    NodeStatus.COMPLETED: "#2e9e6b",
    NodeStatus.FAILED: "#d1453b",
    NodeStatus.RUNNING: "#3f7fdc",
    NodeStatus.WAITING: "#b98216",
}


class Drawing:
    """A graph with the state of its nodes."""

    def __init__(self, document: Graph, states: Mapping[str, NodeStatus]) -> None:
        self.document = document
        self._states = states

    @property
    def svg(self) -> str:
        """The drawing; its lines have the colour of the text around it, so it fits light and dark pages."""
        places, width, height = layout(self.document)
        parts = [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="-2 -2 {width + 4:g} {height + 4:g}" '
            f'style="max-width:{width + 4:g}px;width:100%;height:auto" font-family="system-ui,sans-serif" '
            f'role="img" aria-label="Graph {html.escape(self.document.workflow_id, quote=True)}">'
        ]
        for edge in self.document.edges:
            (ax, ay), (bx, by) = places[edge.from_], places[edge.to]
            x1, y1, x2, y2 = ax + WIDTH, ay + HEIGHT / 2, bx, by + HEIGHT / 2
            bend = max(18.0, (x2 - x1) / 2)
            parts.append(
                f'<path d="M{x1:g} {y1:g}C{x1 + bend:g} {y1:g} {x2 - bend:g} {y2:g} {x2:g} {y2:g}" fill="none" '
                'stroke="currentColor" stroke-opacity=".35" stroke-width="1.5"/>'
            )
        for node in self.document.nodes:
            x, y = places[node.id]
            state = self._states.get(node.id, node.status)
            colour = _COLOURS.get(state, "currentColor")
            size = f'width="{WIDTH:g}" height="{HEIGHT:g}"'
            name, service = html.escape(_short(node.name or node.id, 20)), html.escape(_short(node.service, 24))
            parts.append(
                f'<g transform="translate({x:g} {y:g})"><title>{html.escape(f"{node.id}: {state.value}")}</title>'
                f'<rect {size} rx="9" fill="none" stroke="{colour}" stroke-opacity=".8"/>'
                f'<text x="12" y="20" font-size="13" fill="currentColor">{name}</text>'
                f'<text x="12" y="36" font-size="10.5" fill="currentColor" fill-opacity=".65">{service}</text>'
                f'<circle cx="{WIDTH - 13:g}" cy="14" r="4" fill="{colour}"/></g>'
            )
        return "".join([*parts, "</svg>"])

    def _repr_html_(self) -> str:
        return self.svg

    def __repr__(self) -> str:
        lines = [f"{edge.from_} -> {edge.to}" for edge in self.document.edges]
        alone = (
            {node.id for node in self.document.nodes}
            - {e.from_ for e in self.document.edges}
            - {e.to for e in self.document.edges}
        )
        return "\n".join([*lines, *sorted(alone)])


def layout(graph: Graph) -> tuple[dict[str, tuple[float, float]], float, float]:
    """(upper left corner by node, width, height), in pixels. Raises WorkbenchError (graph.cycle)."""
    order = topological_order(graph)
    before = {node: [edge.from_ for edge in edges] for node, edges in graph.parents().items()}
    after = {node: [edge.to for edge in edges] for node, edges in graph.children().items()}
    depth: dict[str, int] = {}
    for node in order:
        depth[node] = max((depth[parent] + 1 for parent in before[node]), default=0)
    for node in order:  # a source stands just before its first child, not at the far left
        if not before[node] and after[node]:
            depth[node] = min(depth[child] for child in after[node]) - 1
    layers = [[node for node in order if depth[node] == level] for level in sorted(set(depth.values()))]
    place = {node: _centred(index, layer) for layer in layers for index, node in enumerate(layer)}
    for sweep in range(SWEEPS):
        near = after if sweep % 2 else before
        for layer in reversed(layers) if sweep % 2 else layers:
            middle = {n: sum(place[m] for m in near[n]) / len(near[n]) if near[n] else place[n] for n in layer}
            layer.sort(key=middle.__getitem__)
            place.update({node: _centred(index, layer) for index, node in enumerate(layer)})
    height = max(len(layer) for layer in layers) * (HEIGHT + GAP_Y) - GAP_Y
    places = {
        node: (column * (WIDTH + GAP_X), height / 2 + place[node] * (HEIGHT + GAP_Y) - HEIGHT / 2)
        for column, layer in enumerate(layers)
        for node in layer
    }
    return places, len(layers) * (WIDTH + GAP_X) - GAP_X, height


def _centred(index: int, layer: list[str]) -> float:
    return index - (len(layer) - 1) / 2


def _short(text: str, length: int) -> str:
    return text if len(text) <= length else text[: length - 1] + "…"
