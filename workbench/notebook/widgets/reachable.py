"""Widgets whose messages the kernel receives while a cell runs."""

from __future__ import annotations

from typing import Any

from ipywidgets import Widget


class Reachable(Widget):  # type: ignore[misc]
    """A widget that a browser reaches on the subshell that the browser chose.

    JupyterLab sends the messages of widgets to a subshell of the kernel, a thread beside the one that runs cells. But
    ipykernel 7.4 redirects them to the thread that last published on the widget's comm. A cell opens the comm, so
    after "Run All" every message would wait for all cells.
    """

    def open(self) -> None:
        super().open()
        # `ipykernel.comm.comm.BaseComm._reply_subshell_for`, which ipykernel calls for every message. Other kernels,
        # and older versions, ignore the attribute.
        self.comm._reply_subshell_for = _chosen_subshell


def _chosen_subshell(_: Any, chosen: str | None) -> str | None:
    return chosen
