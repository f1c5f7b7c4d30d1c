"""The view of a comparison in a notebook."""

from __future__ import annotations

from typing import TYPE_CHECKING

from workbench.client.deployment import Deployment
from workbench.notebook.channel import Wanted
from workbench.notebook.static_html import POSTER_PX
from workbench.notebook.widgets.modules import channel_of
from workbench.notebook.widgets.view import View

if TYPE_CHECKING:
    from workbench.notebook.comparison import VideoCompare


class VideoCompareView(View):
    """The frame-locked player with its tables. The saved notebook shows stills and the same tables."""

    def __init__(self, deployment: Deployment, shown: VideoCompare) -> None:
        names = ",".join(shown.names)
        super().__init__(deployment, "compared", {"videos": names})
        self._shown = shown
        wanted: list[Wanted] = [("ask", "GET /api/compare", {"videos": names})]
        for video in shown.found.videos:
            if video.sha256:
                given = {"sha256": video.sha256, "size": POSTER_PX}
                wanted.append(("media", "GET /api/artifacts/{sha256}/thumbnail", given))
        self.answers = channel_of(deployment).saved_answers(wanted)

    def static_html(self) -> str:
        return self._shown.static_html()

    def static_text(self) -> str:
        return repr(self._shown)
