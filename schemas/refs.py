"""References to artifacts: bytes in the object store, named by their SHA-256, with measured facts.

A reference is a value: two references are equal when their bytes are. The measured facts are optional, because a
reference may be written by hand with nothing but a digest.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from schemas.base import Contract

Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$", description="SHA-256 of the bytes, lower-case hex.")]


class Ref(Contract):
    """An artifact of any kind."""

    kind: str = Field("file", description="What the bytes are: image, audio, video, json, text, file.")
    sha256: Sha256
    media_type: str = Field("application/octet-stream", description="IANA media type.")
    size_bytes: int | None = Field(None, ge=0, description="Length of the bytes.")
    name: str | None = Field(None, max_length=200, description="A file name for people; no meaning to the program.")


class FileRef(Ref):
    kind: Literal["file"] = "file"


class JsonRef(Ref):
    kind: Literal["json"] = "json"
    media_type: str = "application/json"


class TextRef(Ref):
    kind: Literal["text"] = "text"
    media_type: str = "text/plain"


class ImageRef(Ref):
    kind: Literal["image"] = "image"
    media_type: str = "image/png"
    width: int | None = Field(None, ge=1, description="Pixels.")
    height: int | None = Field(None, ge=1, description="Pixels.")


class AudioRef(Ref):
    kind: Literal["audio"] = "audio"
    media_type: str = "audio/wav"
    duration_s: float | None = Field(None, ge=0, description="Seconds.")
    sample_rate_hz: int | None = Field(None, ge=1, description="Samples a second.")
    channels: int | None = Field(None, ge=1, description="1 mono, 2 stereo.")


class VideoRef(Ref):
    kind: Literal["video"] = "video"
    media_type: str = "video/mp4"
    width: int | None = Field(None, ge=1, description="Pixels.")
    height: int | None = Field(None, ge=1, description="Pixels.")
    fps: float | None = Field(None, gt=0, description="Frames a second.")
    frames: int | None = Field(None, ge=0, description="Number of frames.")
    duration_s: float | None = Field(None, ge=0, description="Seconds.")


REF_TYPES: dict[str, type[Ref]] = {
    "file": FileRef,
    "json": JsonRef,
    "text": TextRef,
    "image": ImageRef,
    "audio": AudioRef,
    "video": VideoRef,
}


def is_ref(value: object) -> bool:
    """Whether a JSON value has the shape of a reference."""
    return isinstance(value, dict) and "sha256" in value and value.get("kind", "file") in REF_TYPES


def refs_in(value: object) -> list[Ref]:
    """Every reference inside a JSON value, in document order."""
    if is_ref(value):
        assert isinstance(value, dict)
        return [REF_TYPES[value.get("kind", "file")].model_validate(value)]
    if isinstance(value, dict):
        return [ref for item in value.values() for ref in refs_in(item)]
    if isinstance(value, list):
        return [ref for item in value for ref in refs_in(item)]
    return []
