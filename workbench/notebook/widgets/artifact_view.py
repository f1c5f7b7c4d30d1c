"""One file of the object store: a video or a sound that plays by its URL, a picture, a text."""

from __future__ import annotations

from typing import Any

from schemas.refs import Ref
from workbench.client.bench import Bench
from workbench.client.media.waveforms import waveform
from workbench.notebook.static_html import artifact_html, artifact_text, link_to
from workbench.notebook.widgets.bridge import MAX_TEXT_BYTES
from workbench.notebook.widgets.modules import bridge_of
from workbench.notebook.widgets.view import View

POINTS = 600  # of a waveform
POSTER_PX = 320


class ArtifactView(View):
    """Nothing of a video or a sound is loaded before it is played, and nothing of it goes through the kernel."""

    def __init__(self, bench: Bench, ref: Ref, title: str = "", *, named: bool = True) -> None:
        self._ref, self._named = ref, named
        shown = ref.model_dump(mode="json", by_alias=True, exclude_none=True)
        super().__init__(bench, "artifact", {"ref": shown, "title": title})
        self.answers = self._known()

    def picture(self) -> str:
        return artifact_html(self._bench, self._ref)

    def words(self) -> str:
        return artifact_text(self._ref)

    def _known(self) -> dict[str, Any]:
        """What the view is to know without a kernel; for a file that no job names, all that it shows."""
        ref, bench = self._ref, self._bench
        path = f"/api/artifacts/{ref.sha256}"
        wanted = {
            "video": [f"media:{path}/thumbnail?size={POSTER_PX}"],
            "audio": [f"{path}/waveform?points={POINTS}"],
        }.get(ref.kind, [])
        if self._named:
            size = ref.size_bytes or 0
            if ref.kind in ("text", "json") and size <= MAX_TEXT_BYTES:
                wanted.append(f"text:{path}")
            wanted.append(f"media:{path}")
            return bridge_of(bench).answers(wanted)
        url = link_to(bench, ref)
        known: dict[str, Any] = {f"media:{path}": url, f"media:{path}?download=1": url}
        if ref.kind in ("text", "json"):
            known[f"text:{path}"] = bench.open(ref).read_bytes()[:MAX_TEXT_BYTES].decode(errors="replace")
        if ref.kind == "audio":
            known[wanted[0]] = {"peaks": waveform(bench, ref, POINTS)}
        return known
