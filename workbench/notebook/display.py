"""How things show themselves: as a widget where one can live, and as a static picture beside it for everything else."""

from __future__ import annotations

import secrets
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from workbench.notebook.widgets.job_views import _JobView

VIEW = "application/vnd.jupyter.widget-view+json"
Bundle = dict[str, Any]


def in_a_notebook() -> bool:
    """Whether a kernel runs this, and the packages that make widgets are there."""
    import sys

    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    return getattr(shell, "kernel", None) is not None and find_spec("anywidget") is not None


def bundle_of(widget: Any, picture: str, text: str) -> Bundle:
    """What an output is: browsers take the widget, exports the picture, terminals the text."""
    view = {"version_major": 2, "version_minor": 0, "model_id": widget.model_id}
    return {"text/plain": text, "text/html": picture, VIEW: view}


def show_job(view: _JobView) -> None:
    """Display a view of a job, and behind it the same as a picture: the final one, as soon as the job ends.

    Two outputs: JupyterLab makes the view of an output anew when anything of that output changes, and leaves the old
    one behind. Where the view lives its style sheet hides the picture.
    """
    from IPython.display import display, update_display

    place = secrets.token_hex(8)

    def picture() -> Bundle:
        html = f'<div class="wb-notebook-picture">{view.picture()}</div>'
        return {"text/plain": view.words(), "text/html": html}

    view.when_ended(lambda: update_display(picture(), raw=True, display_id=place))
    display(bundle_of(view, "", view.words()), raw=True)
    display(picture(), raw=True, display_id=place)
