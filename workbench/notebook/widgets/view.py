"""A view with its options, and the responses that it needs without a kernel."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import anywidget
import traitlets

from workbench.client.deployment import Deployment
from workbench.notebook.display import show
from workbench.notebook.widgets.modules import modules_of
from workbench.notebook.widgets.reachable import Reachable


class View(Reachable, anywidget.AnyWidget):  # type: ignore[misc]
    """A view in an output.

    Attributes:
        view: name of the view in notebook.js.
        options: options of the view.
        answers: latest API responses by path, which are saved with the notebook.
    """

    _esm = Path(__file__).parent / "view.js"

    modules = traitlets.Unicode().tag(sync=True)
    view = traitlets.Unicode().tag(sync=True)
    options = traitlets.Dict().tag(sync=True)
    answers = traitlets.Dict().tag(sync=True)

    def __init__(self, deployment: Deployment, view: str, options: dict[str, Any], **more: Any) -> None:
        modules = f"IPY_MODEL_{modules_of(deployment).model_id}"
        super().__init__(modules=modules, view=view, options=options, **more)
        self._deployment = deployment

    def static_html(self) -> str:
        """The static view as HTML, without kernel and scripts."""
        raise NotImplementedError

    def static_text(self) -> str:
        """The static view as one line of text."""
        raise NotImplementedError

    def _ipython_display_(self) -> None:
        show(self)
