"""A view: what it shows, and what it is to know where no kernel runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import anywidget
import traitlets

from workbench.client.deployment import Deployment
from workbench.notebook.display import show
from workbench.notebook.widgets.modules import modules_of


class View(anywidget.AnyWidget):  # type: ignore[misc]
    """One view in an output.

    Attributes:
        view: which one; notebook.js has them by name.
        options: what it is given.
        answers: answers of the API by path, as they were when they were last written. They are saved with the notebook.
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

    def picture(self) -> str:
        """The same as HTML that needs neither a kernel nor a script."""
        raise NotImplementedError

    def words(self) -> str:
        """The same in a line."""
        raise NotImplementedError

    def _ipython_display_(self) -> None:
        show(self)
