"""An artifact in a notebook: it plays or shows itself by its URL, and its bytes are had as a file."""

from __future__ import annotations

import base64
import html
from pathlib import Path
from typing import TYPE_CHECKING, Any

from schemas.errors import WorkbenchError
from schemas.refs import Ref
from workbench.notebook.display import show_as

if TYPE_CHECKING:
    from workbench.notebook.widgets.artifact_view import ArtifactView
    from workbench.notebook.workbench import Workbench

LINK_S = 7 * 24 * 3600  # the longest that S3 signs for
TEXT_SHOWN = 4000  # bytes
POSTER_PX = 320


class Artifact:
    """One file of the object store.

    Args:
        named: whether a job names it: the page shows no other.
    """

    def __init__(self, workbench: Workbench, ref: Ref, *, named: bool = True) -> None:
        self._workbench = workbench
        self.ref = ref
        self.named = named

    @property
    def kind(self) -> str:
        """image, audio, video, json, text or file."""
        return self.ref.kind

    @property
    def url(self) -> str:
        """A link that expires after a week. For good it is at the page, which a notebook may link to and not embed."""
        return self._workbench.bench.objects.presign(
            self.ref.sha256, expires_s=LINK_S, filename=self.ref.name or "", media_type=self.ref.media_type
        )

    @property
    def path(self) -> Path:
        """A local copy, to be read only. Blocks while it is fetched."""
        return self._workbench.bench.open(self.ref)

    def save(self, target: str | Path) -> Path:
        """Copy it to a file of one's own; never half-written."""
        return self._workbench.bench.save(self.ref, Path(target).expanduser())

    def read_bytes(self) -> bytes:
        """Its bytes."""
        return self.path.read_bytes()

    def read_text(self) -> str:
        """Its text, from UTF-8."""
        return self.path.read_text(encoding="utf-8")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Artifact) and self.ref.sha256 == other.ref.sha256

    def __hash__(self) -> int:
        return hash(self.ref.sha256)

    def __repr__(self) -> str:
        return f"<{self.kind} {self.ref.sha256[:12]} {facts(self.ref)}>"

    def view(self, title: str = "") -> ArtifactView:
        """It as a widget, to be put into a layout."""
        from workbench.notebook.widgets.artifact_view import ArtifactView

        return ArtifactView(self, title)

    def _ipython_display_(self) -> None:
        show_as(self.view)

    def _repr_html_(self) -> str:
        caption = f'<figcaption style="opacity:.7">{facts(self.ref)}</figcaption>'
        return f'<figure style="margin:0">{self._player()}{caption}</figure>'

    def _player(self) -> str:
        url = html.escape(self.url, quote=True)
        match self.kind:
            case "video":
                style = f"max-width:100%;{_shape(self.ref)}"
                poster = f' poster="{found}"' if (found := self._poster()) else ""
                return f'<video src="{url}"{poster} controls playsinline preload="none" style="{style}"></video>'
            case "audio":
                return f'<audio src="{url}" controls preload="none" style="width:100%;max-width:32em"></audio>'
            case "image":
                name = html.escape(self.ref.name or "picture", quote=True)
                return f'<img src="{url}" alt="{name}" loading="lazy" style="max-width:min(100%,512px)">'
            case "text" | "json":
                with self.path.open("rb") as file:
                    text = file.read(TEXT_SHOWN + 1).decode(errors="replace")
                more = "…" if len(text) > TEXT_SHOWN else ""
                return f'<pre style="white-space:pre-wrap">{html.escape(text[:TEXT_SHOWN])}{more}</pre>'
        return f'<a href="{url}">{html.escape(self.ref.name or self.ref.sha256[:12])}</a>'

    def _poster(self) -> str:
        """A frame of a video as ``data:``, so that it can be seen where the bench cannot be reached; "" without one."""
        from workbench.app.uploads.thumbnails import thumbnail

        try:
            frame = thumbnail(self._workbench.bench, self.ref, POSTER_PX).read_bytes()
        except WorkbenchError:  # it plays all the same, or says itself why not
            return ""
        return f"data:image/jpeg;base64,{base64.b64encode(frame).decode()}"


def facts(ref: Ref) -> str:
    """What is known of the bytes, in a line."""
    known: dict[str, Any] = ref.model_dump(by_alias=False, exclude_none=True)
    parts = []
    if "width" in known and "height" in known:
        parts.append(f"{known['width']} × {known['height']}")
    if "fps" in known:
        parts.append(f"{known['fps']:g} fps")
    if "duration_s" in known:
        parts.append(f"{known['duration_s']:.1f} s")
    if "size_bytes" in known:
        parts.append(_size(known["size_bytes"]))
    return " · ".join(parts)


def _size(count: float) -> str:
    for unit in ("B", "kB", "MB"):
        if count < 1000:
            return f"{count:.0f} {unit}"
        count /= 1000
    return f"{count:.1f} GB"


def _shape(ref: Ref) -> str:
    width, height = getattr(ref, "width", None), getattr(ref, "height", None)
    return f"width:{width}px;aspect-ratio:{width}/{height}" if width and height else ""
