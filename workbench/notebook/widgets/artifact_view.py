"""One file of the object store: a video or a sound that plays by its URL, a picture, a text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from workbench.notebook.widgets.bridge import MAX_TEXT_BYTES
from workbench.notebook.widgets.modules import bridge_of
from workbench.notebook.widgets.view import View

if TYPE_CHECKING:
    from workbench.notebook.artifact import Artifact

POINTS = 600  # of a waveform
POSTER_PX = 320


class ArtifactView(View):
    """Nothing of a video or a sound is loaded before it is played, and nothing of it goes through the kernel."""

    def __init__(self, artifact: Artifact, title: str = "") -> None:
        self._artifact = artifact
        ref = artifact.ref.model_dump(mode="json", by_alias=True, exclude_none=True)
        super().__init__(artifact._workbench, "artifact", {"ref": ref, "title": title})
        self.answers = self._known()

    def picture(self) -> str:
        return self._artifact._repr_html_()

    def words(self) -> str:
        return repr(self._artifact)

    def _known(self) -> dict[str, Any]:
        """What the view is to know without a kernel; for a file that no job names, all that it shows."""
        artifact, bench = self._artifact, self._workbench.bench
        path = f"/api/artifacts/{artifact.ref.sha256}"
        wanted = {
            "video": [f"media:{path}/thumbnail?size={POSTER_PX}"],
            "audio": [f"{path}/waveform?points={POINTS}"],
        }.get(artifact.kind, [])
        if artifact.named:
            size = artifact.ref.size_bytes or 0
            if artifact.kind in ("text", "json") and size <= MAX_TEXT_BYTES:
                wanted.append(f"text:{path}")
            wanted.append(f"media:{path}")
            return bridge_of(self._workbench).answers(wanted)
        known: dict[str, Any] = {f"media:{path}": artifact.url, f"media:{path}?download=1": artifact.url}
        if artifact.kind in ("text", "json"):
            known[f"text:{path}"] = artifact.read_bytes()[:MAX_TEXT_BYTES].decode(errors="replace")
        if artifact.kind == "audio":
            from workbench.app.uploads.waveforms import waveform

            known[wanted[0]] = {"peaks": waveform(bench, artifact.ref, POINTS)}
        return known
