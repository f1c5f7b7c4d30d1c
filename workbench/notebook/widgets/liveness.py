"""Whether the Python behind a composition of ipywidgets is there: their views do not say."""

from __future__ import annotations

from pathlib import Path

import anywidget
import traitlets


class Liveness(anywidget.AnyWidget):  # type: ignore[misc]
    """One line in what it stands in, empty as long as this kernel answers."""

    _esm = Path(__file__).parent / "liveness.js"

    own = traitlets.Unicode().tag(sync=True)  # the model that the frontend tells of a kernel's end

    def __init__(self) -> None:
        super().__init__()
        self.own = f"IPY_MODEL_{self.model_id}"
        self.on_msg(lambda *_: self.send({}))
