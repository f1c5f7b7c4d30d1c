"""One file of the object store: a video or audio that plays, an image, a text."""

from __future__ import annotations

from schemas.refs import Ref
from workbench.client.deployment import Deployment
from workbench.notebook.channel import MAX_TEXT_BYTES, Wanted
from workbench.notebook.static_html import artifact_html, artifact_text
from workbench.notebook.widgets.modules import channel_of
from workbench.notebook.widgets.view import View

POINTS = 600  # of a waveform
POSTER_PX = 320
FILE = "GET /api/artifacts/{sha256}"


class ArtifactView(View):
    """Nothing of a video or audio is loaded before it is played.

    Args:
        named: whether a job names it: then the channel finds it by its digest.
    """

    def __init__(self, deployment: Deployment, ref: Ref, title: str = "", *, named: bool = True) -> None:
        self._ref = ref
        shown = ref.model_dump(mode="json", by_alias=True, exclude_none=True)
        super().__init__(deployment, "artifact", {"ref": shown, "title": title})
        if not named:
            channel_of(deployment).asker.shown[ref.sha256] = ref
        self.answers = channel_of(deployment).known(self._wanted())

    def picture(self) -> str:
        return artifact_html(self._deployment, self._ref)

    def words(self) -> str:
        return artifact_text(self._ref)

    def _wanted(self) -> list[Wanted]:
        """What the view is to know without a kernel."""
        given = {"sha256": self._ref.sha256}
        wanted: list[Wanted] = [("media", FILE, given)]
        if self._ref.kind == "video":
            wanted.append(("media", f"{FILE}/thumbnail", {**given, "size": POSTER_PX}))
        if self._ref.kind == "audio":
            wanted.append(("ask", f"{FILE}/waveform", {**given, "points": POINTS}))
        if self._ref.kind in ("text", "json") and (self._ref.size_bytes or 0) <= MAX_TEXT_BYTES:
            wanted.append(("text", FILE, given))
        return wanted
