"""The media types that a browser may display, and those that it may only save."""

from __future__ import annotations

from schemas.refs import Ref
from workbench.client.uploads import plain_name

_SUFFIXES = {
    "image/png": ".png",
    "image/jpeg": ".jpg",
    "image/webp": ".webp",
    "image/gif": ".gif",
    "audio/wav": ".wav",
    "audio/x-wav": ".wav",
    "audio/flac": ".flac",
    "audio/mpeg": ".mp3",
    "audio/mp3": ".mp3",
    "audio/ogg": ".ogg",
    "audio/mp4": ".m4a",
    "audio/webm": ".webm",
    "video/mp4": ".mp4",
    "video/webm": ".webm",
    "text/plain": ".txt",
    "application/json": ".json",
}
# Types that cannot run scripts. HTML, SVG, XML and PDF are not among them.
_SHOWN = frozenset(_SUFFIXES) - {"application/json"}


def served_type(ref: Ref) -> str:
    """The Content-Type of an artifact: the recorded one if it may be displayed, opaque bytes otherwise."""
    plain = ref.media_type.partition(";")[0].strip().lower()
    if plain not in _SHOWN:
        return "application/octet-stream"
    return "text/plain; charset=utf-8" if plain == "text/plain" else plain


def is_shown(ref: Ref) -> bool:
    """Whether a browser may display it in the page."""
    return served_type(ref) != "application/octet-stream"


def file_name(ref: Ref) -> str:
    """A name for saving: the recorded name, else the kind and the beginning of the digest."""
    suffix = _SUFFIXES.get(ref.media_type.partition(";")[0].strip().lower())
    own = ref.name or f"{ref.kind}-{ref.sha256[:12]}"
    if suffix is None:
        suffix = "." + own.rpartition(".")[2] if "." in own and own.rpartition(".")[2].isalnum() else ".bin"
        suffix = suffix if len(suffix) <= 6 else ".bin"
    return plain_name(own, suffix)
