"""How things show themselves: as a widget where one can live, and as a static picture beside it for everything else."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import Any, Protocol
from weakref import WeakKeyDictionary

from workbench.notebook.packages import WIDGETS, missing

VIEW = "application/vnd.jupyter.widget-view+json"
Bundle = dict[str, Any]
# Where a view lives, its style sheet has this: the picture beside it is not shown.
HIDDEN_PICTURES = (
    ".jp-OutputArea-child:has(> .jp-OutputArea-output .wb-notebook-picture),.wb-notebook-picture{display:none}"
)


def in_a_notebook() -> bool:
    """Whether a kernel runs this, and the packages that make widgets are there."""
    import sys

    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    return getattr(shell, "kernel", None) is not None and not missing(WIDGETS)


class Shown(Protocol):
    """A widget that knows how it looks where no script runs."""

    model_id: str

    def picture(self) -> str:
        """It as HTML."""

    def words(self) -> str:
        """It in a line."""


class JobShown(Shown, Protocol):
    """A widget that shows a job."""

    job_id: str
    settled: bool

    def ended(self) -> bool:
        """Whether the job has ended."""

    def when_ended(self, then: Callable[[], None]) -> None:
        """Call ``then`` once the job has ended; never for one that has ended before."""

    def settle(self) -> None:
        """Write the last state and send it with the cell that runs now. Blocks."""


# Views of jobs that stand in an output -> the display ids of their pictures.
_places: WeakKeyDictionary[JobShown, list[str]] = WeakKeyDictionary()


def show(view: Shown) -> str:
    """Display a widget, and behind it the same as a picture; returns the display id of the picture.

    Two outputs, for two reasons. Exporters that find a widget in an output take nothing else of it, and draw it with a
    program that they load from another host. JupyterLab makes the view of an output anew when anything of that output
    changes, and leaves the old one behind.
    """
    from IPython.display import display

    place = secrets.token_hex(8)
    widget = {"version_major": 2, "version_minor": 0, "model_id": view.model_id}
    display({"text/plain": view.words(), VIEW: widget}, raw=True)
    display(_picture(view), raw=True, display_id=place)
    return place


def show_as(widget: Callable[[], Any]) -> None:
    """Display something as the widget that is made of it. Elsewhere than in a notebook IPython is to take its texts.

    Raises NotImplementedError there, by which IPython goes on with ``_repr_html_`` and ``__repr__``.
    """
    if not in_a_notebook():
        raise NotImplementedError
    widget()._ipython_display_()


def show_job(view: JobShown) -> None:
    """The same for a view of a job; the picture becomes the final one as soon as the job ends."""
    ended = view.ended()
    place = show(view)
    if view not in _places:
        view.when_ended(lambda: _redraw(view))
    _places.setdefault(view, []).append(place)
    if not ended and view.ended():  # between the two
        _redraw(view)


def settle(job_id: str) -> None:
    """Write the state of a job that has ended into every output of this kernel that shows it. Blocks.

    Whoever executes a notebook takes only what the running cell sends, so the cell that waited for a job calls this:
    what the thread that heard of the end sends is lost there.
    """
    for view in [view for view in _places if view.job_id == job_id and not view.settled]:
        _redraw(view)
        view.settle()


def _redraw(view: JobShown) -> None:
    from IPython.display import update_display

    for place in _places.get(view, ()):
        update_display(_picture(view), raw=True, display_id=place)


def _picture(view: Shown) -> Bundle:
    html = f'<div class="wb-notebook-picture">{view.picture()}</div>'
    return {"text/plain": view.words(), "text/html": html}
