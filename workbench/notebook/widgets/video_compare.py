"""The view of a comparison in a notebook."""

from __future__ import annotations

from collections.abc import Callable

from schemas.comparison import Comparison
from workbench.client.deployment import Deployment
from workbench.notebook.channel import Wanted
from workbench.notebook.static_html import POSTER_PX
from workbench.notebook.widgets.modules import channel_of
from workbench.notebook.widgets.view import View


class VideoCompareView(View):
    """The frame-locked player with its tables. The saved notebook shows stills and the same tables.

    Args:
        picture: makes the static view as HTML.
        text: the static view as text.
    """

    def __init__(self, deployment: Deployment, found: Comparison, picture: Callable[[], str], text: str) -> None:
        names = ",".join(video.given for video in found.videos)
        super().__init__(deployment, "compared", {"videos": names})
        self._picture, self._text = picture, text
        wanted: list[Wanted] = [("ask", "GET /api/compare", {"videos": names})]
        for video in found.videos:
            if video.sha256:
                given = {"sha256": video.sha256, "size": POSTER_PX}
                wanted.append(("media", "GET /api/artifacts/{sha256}/thumbnail", given))
        self.answers = channel_of(deployment).saved_answers(wanted)

    def static_html(self) -> str:
        return self._picture()

    def static_text(self) -> str:
        return self._text
