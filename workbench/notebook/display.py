"""Displays objects: as a widget if possible, with a static view beside it for all other viewers."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import Any, Protocol
from weakref import WeakKeyDictionary, WeakSet

from workbench.notebook.packages import WIDGETS, missing

VIEW = "application/vnd.jupyter.widget-view+json"
Bundle = dict[str, Any]
# If a widget is displayed, its style sheet contains this rule, which hides the static view beside it.
HIDDEN_STATIC_VIEWS = (
    ".jp-OutputArea-child:has(> .jp-OutputArea-output .wb-notebook-picture),.wb-notebook-picture{display:none}"
)


def in_a_kernel() -> bool:
    """Whether a kernel runs this process."""
    import sys

    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    return getattr(shell, "kernel", None) is not None


def in_a_notebook() -> bool:
    """Whether a kernel runs this process, and the packages for widgets are installed."""
    return in_a_kernel() and not missing(WIDGETS)


class LiveViews(Protocol):
    """A connection to the pages of browsers."""

    def watches(self, job_id: str) -> bool:
        """Whether a page receives the live state of the job."""


live_views: WeakSet[LiveViews] = WeakSet()  # every connection of this kernel


def shown_live(job_id: str) -> bool:
    """Whether a page shows the live state of the job."""
    return any(views.watches(job_id) for views in live_views)


class Displayable(Protocol):
    """A widget with a static view for viewers without scripts."""

    model_id: str

    def static_html(self) -> str:
        """The static view as HTML."""

    def static_text(self) -> str:
        """The static view as one line of text."""


class DisplayableJob(Displayable, Protocol):
    """A widget that displays a job."""

    job_id: str
    settled: bool

    def ended(self) -> bool:
        """Whether the job has ended."""

    def when_ended(self, then: Callable[[], None]) -> None:
        """Call ``then`` when the job has ended; never if it had already ended before."""

    def settle(self) -> None:
        """Write the last state and send it with the running cell. Blocks."""


# Displayed job views -> the display ids of their static views.
_places: WeakKeyDictionary[DisplayableJob, list[str]] = WeakKeyDictionary()


def show(view: Displayable) -> str:
    """Display a widget, followed by its static view. Returns the display id of the static view.

    There are two outputs for two reasons. Exporters that find a widget in an output ignore the rest of that output, and
    render the widget with a program from another host. JupyterLab creates a new view of an output when anything in it
    changes, and leaves the old view behind.
    """
    from IPython.display import display

    place = secrets.token_hex(8)
    widget = {"version_major": 2, "version_minor": 0, "model_id": view.model_id}
    display({"text/plain": view.static_text(), VIEW: widget}, raw=True)
    display(_static_view(view), raw=True, display_id=place)
    return place


def show_as(widget: Callable[[], Any]) -> None:
    """Display something as a widget. Outside of a notebook IPython uses its text forms instead.

    Raises NotImplementedError there, so that IPython continues with ``_repr_html_`` and ``__repr__``.
    """
    if not in_a_notebook():
        raise NotImplementedError
    widget()._ipython_display_()


def show_job(view: DisplayableJob) -> None:
    """Like ``show`` for a view of a job. The static view is replaced by the final one when the job ends."""
    ended = view.ended()
    place = show(view)
    if view not in _places:
        view.when_ended(lambda: _redraw(view))
    _places.setdefault(view, []).append(place)
    if not ended and view.ended():  # it ended in between
        _redraw(view)


def settle(job_id: str) -> None:
    """Write the state of an ended job into every output of this kernel that displays it. Blocks.

    Programs that execute notebooks keep only what the running cell sends. The cell that waits for a job therefore calls
    this, because messages of the thread that learned of the end are lost there.
    """
    for view in [view for view in _places if view.job_id == job_id and not view.settled]:
        _redraw(view)
        view.settle()


def _redraw(view: DisplayableJob) -> None:
    from IPython.display import update_display

    for place in _places.get(view, ()):
        update_display(_static_view(view), raw=True, display_id=place)


def _static_view(view: Displayable) -> Bundle:
    html = f'<div class="wb-notebook-picture">{view.static_html()}</div>'
    return {"text/plain": view.static_text(), "text/html": html}
