"""How things show themselves: as a widget where one can live, and as a static picture beside it for everything else."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from workbench.notebook.packages import WIDGETS, missing

if TYPE_CHECKING:
    from workbench.notebook.widgets.job_views import _JobView

VIEW = "application/vnd.jupyter.widget-view+json"
Bundle = dict[str, Any]
# Views of jobs that stand in an output -> the display ids of their pictures.
_places: WeakKeyDictionary[_JobView, list[str]] = WeakKeyDictionary()


def in_a_notebook() -> bool:
    """Whether a kernel runs this, and the packages that make widgets are there."""
    import sys

    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    return getattr(shell, "kernel", None) is not None and not missing(WIDGETS)


def bundle_of(widget: Any, picture: str, text: str) -> Bundle:
    """What an output is: browsers take the widget, exports the picture, terminals the text."""
    view = {"version_major": 2, "version_minor": 0, "model_id": widget.model_id}
    return {"text/plain": text, "text/html": picture, VIEW: view}


def show_job(view: _JobView) -> None:
    """Display a view of a job, and behind it the same as a picture: the final one, as soon as the job ends.

    Two outputs: JupyterLab makes the view of an output anew when anything of that output changes, and leaves the old
    one behind. Where the view lives its style sheet hides the picture.
    """
    from IPython.display import display

    place = secrets.token_hex(8)
    display(bundle_of(view, "", view.words()), raw=True)
    ended = view.job.status.final
    display(_picture(view), raw=True, display_id=place)
    if view not in _places:
        view.when_ended(lambda: _redraw(view))
    _places.setdefault(view, []).append(place)
    if not ended and view.job.status.final:  # between the two
        _redraw(view)


def settle(job_id: str) -> None:
    """Write the state of a job that has ended into every output of this kernel that shows it. Blocks.

    Whoever executes a notebook takes only what the running cell sends, so the cell that waited for a job calls this:
    what the thread that heard of the end sends is lost there.
    """
    for view in [view for view in _places if view.job.id == job_id and not view.settled]:
        _redraw(view)
        view.settle()


def _redraw(view: _JobView) -> None:
    from IPython.display import update_display

    for place in _places.get(view, ()):
        update_display(_picture(view), raw=True, display_id=place)


def _picture(view: _JobView) -> Bundle:
    html = f'<div class="wb-notebook-picture">{view.picture()}</div>'
    return {"text/plain": view.words(), "text/html": html}
