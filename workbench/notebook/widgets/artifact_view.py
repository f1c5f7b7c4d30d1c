"""The view of one artifact: a video or audio player, an image, a text."""

from __future__ import annotations

from schemas.refs import Ref
from workbench.client.deployment import Deployment
from workbench.notebook.channel import MAX_TEXT_BYTES, Wanted
from workbench.notebook.static_html import POSTER_PX, artifact_html, artifact_text
from workbench.notebook.widgets.modules import channel_of
from workbench.notebook.widgets.view import View

POINTS = 600  # points of a waveform
FILE = "GET /api/artifacts/{sha256}"


class ArtifactView(View):
    """The view of an artifact. Video and audio are not loaded before they are played.

    Args:
        named: whether a job refers to it, so that the channel finds it by its digest.
    """

    def __init__(self, deployment: Deployment, ref: Ref, title: str = "", *, named: bool = True) -> None:
        self._ref = ref
        shown = ref.model_dump(mode="json", by_alias=True, exclude_none=True)
        super().__init__(deployment, "artifact", {"ref": shown, "title": title})
        if not named:
            channel_of(deployment).user.shown[ref.sha256] = ref
        self.answers = channel_of(deployment).saved_answers(self._wanted())

    def static_html(self) -> str:
        return artifact_html(self._deployment, self._ref)

    def static_text(self) -> str:
        return artifact_text(self._ref)

    def _wanted(self) -> list[Wanted]:
        """The requests whose responses the view needs without a kernel."""
        given = {"sha256": self._ref.sha256}
        wanted: list[Wanted] = [("media", FILE, given)]
        if self._ref.kind == "video":
            wanted.append(("media", f"{FILE}/thumbnail", {**given, "size": POSTER_PX}))
        if self._ref.kind == "audio":
            wanted.append(("ask", f"{FILE}/waveform", {**given, "points": POINTS}))
        if self._ref.kind in ("text", "json") and (self._ref.size_bytes or 0) <= MAX_TEXT_BYTES:
            wanted.append(("text", FILE, given))
        return wanted
