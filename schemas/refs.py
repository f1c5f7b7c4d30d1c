"""References to artifacts: bytes in the object store, named by their SHA-256, with measured properties.

A reference is a value: two references are equal if their bytes are. The measured properties are optional, because a
reference may be written by hand with nothing but a digest.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError

from schemas.base import Contract

Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$", description="SHA-256 of the bytes, lower-case hex.")]


ZIP = "application/zip"
SAFETENSORS = "application/x-safetensors"


class Ref(Contract):
    """An artifact of any kind."""

    kind: str = Field("file", description="Kind of content: image, audio, video, json, text or file.")
    sha256: Sha256
    media_type: str = Field("application/octet-stream", description="IANA media type.")
    size_bytes: int | None = Field(None, ge=0, description="Size in bytes.")
    name: str | None = Field(None, max_length=200, description="File name for display; not interpreted.")


class FileRef(Ref):
    kind: Literal["file"] = "file"


class JsonRef(Ref):
    kind: Literal["json"] = "json"
    media_type: str = "application/json"


class TextRef(Ref):
    kind: Literal["text"] = "text"
    media_type: str = "text/plain"
    author: str | None = Field(None, max_length=200, description="The person who wrote it; null if a model did.")


class ImageRef(Ref):
    kind: Literal["image"] = "image"
    media_type: str = "image/png"
    width: int | None = Field(None, ge=1, description="Pixels.")
    height: int | None = Field(None, ge=1, description="Pixels.")


class AudioRef(Ref):
    kind: Literal["audio"] = "audio"
    media_type: str = "audio/wav"
    duration_s: float | None = Field(None, ge=0, description="Seconds.")
    sample_rate_hz: int | None = Field(None, ge=1, description="Samples per second.")
    channels: int | None = Field(None, ge=1, description="1 for mono, 2 for stereo.")


class VideoRef(Ref):
    kind: Literal["video"] = "video"
    media_type: str = "video/mp4"
    width: int | None = Field(None, ge=1, description="Pixels.")
    height: int | None = Field(None, ge=1, description="Pixels.")
    fps: float | None = Field(None, gt=0, description="Frames per second.")
    frames: int | None = Field(None, ge=0, description="Number of frames.")
    duration_s: float | None = Field(None, ge=0, description="Seconds.")

    @property
    def length(self) -> Fraction:
        """Seconds, exact if the number of frames is known; 0 if nothing is."""
        if self.frames and self.fps:
            return self.frames / Fraction(self.fps).limit_denominator(1001)
        return Fraction(self.duration_s or 0)


REF_TYPES: dict[str, type[Ref]] = {
    "file": FileRef,
    "json": JsonRef,
    "text": TextRef,
    "image": ImageRef,
    "audio": AudioRef,
    "video": VideoRef,
}


def read_ref(value: object) -> Ref | None:
    """Parse a JSON value as a reference. Returns None for anything else, such as an object with merely similar fields.

    Everything that a node would accept as a reference counts, also without a ``kind``, because access checks cover
    only the references found here. The JSON Schema of a reference, which service manifests carry, also has a
    property ``sha256`` and is not a reference.
    """
    if not (isinstance(value, dict) and isinstance(value.get("sha256"), str)):
        return None
    if "kind" not in value:
        return next(filter(None, (_as(type_, value) for type_ in REF_TYPES.values())), None)
    kind = value["kind"]
    return _as(REF_TYPES[kind], value) if isinstance(kind, str) and kind in REF_TYPES else None


def _as(type_: type[Ref], value: dict[str, object]) -> Ref | None:
    try:
        return type_.model_validate(value)
    except ValidationError:
        return None


def is_ref(value: object) -> bool:
    """Whether a JSON value is a reference."""
    return read_ref(value) is not None


def map_refs(value: Any, change: Callable[[Ref], Ref]) -> Any:
    """The JSON value with every reference replaced by ``change(reference)``."""
    if (ref := read_ref(value)) is not None:
        changed = change(ref)
        return value if changed is ref else changed.model_dump(mode="json", exclude_none=True)
    if isinstance(value, dict):
        return {name: map_refs(item, change) for name, item in value.items()}
    return [map_refs(item, change) for item in value] if isinstance(value, list) else value


def refs_in(value: object) -> list[Ref]:
    """All references inside a JSON value, in document order."""
    if (ref := read_ref(value)) is not None:
        return [ref]
    if isinstance(value, dict):
        return [found for item in value.values() for found in refs_in(item)]
    if isinstance(value, list):
        return [found for item in value for found in refs_in(item)]
    return []
