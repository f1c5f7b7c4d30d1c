"""Exports a notebook as one HTML page that requests nothing from other hosts.

A widget is omitted if its output also has HTML, because it needs a kernel or a widget manager from a CDN. Formulas stay
as source text. Linked videos and images come from the deployment itself.
"""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

_TEMPLATE = Path(__file__).parent / "page.html.j2"
_WIDGET = "application/vnd.jupyter.widget-view+json"


def to_html(document: Any, title: str) -> str:
    """The page of a notebook (an nbformat node). The first import takes a second."""
    from nbconvert import HTMLExporter

    shown = copy.deepcopy(document)
    shown.metadata.pop("widgets", None)
    for cell in shown.cells:
        for output in cell.get("outputs", ()):
            if "data" in output and _WIDGET in output.data:
                del output.data[_WIDGET]
    exporter = HTMLExporter(template_file=str(_TEMPLATE), embed_images=False)
    body, _ = exporter.from_notebook_node(shown, resources={"metadata": {"name": title}})
    return str(body)
