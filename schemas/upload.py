"""What the bench answers to a file of a person's: what it is, what was found in it, what may be wrong with it."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from schemas.base import Contract
from schemas.refs import AudioRef, ImageRef, VideoRef

MediaKind = Literal["image", "audio", "video"]
MediaRef = Annotated[ImageRef | AudioRef | VideoRef, Field(discriminator="kind")]


class FaceBox(Contract):
    """A face in pixels of the stored picture: forehead to chin. It may reach over the picture's edge."""

    left: float
    top: float
    right: float
    bottom: float
    score: float = Field(ge=0, le=1, description="How sure the detector is.")


class UploadWarning(Contract):
    """Something a person should know before using the file."""

    code: str = Field(description="face.none, face.too_small, audio.quiet, …; docs/design/uploads.md lists them.")
    level: Literal["warning", "error"] = Field("warning", description="error: a talking head cannot be made of it.")
    message: str
    remedy: str


class MediaFacts(Contract):
    """What was measured while the file was decoded. Fields that a kind does not have are left out as null."""

    format: str = Field(description="By its bytes: png, jpeg, webp, wav, flac, mp3, ogg, m4a, aac, webm, mp4.")
    rewritten: bool = Field(True, description="The stored bytes are made from what was decoded, without metadata.")
    width: int | None = Field(None, description="Pixels, turned upright.")
    height: int | None = Field(None, description="Pixels, turned upright.")
    duration_s: float | None = Field(None, description="Seconds that could be decoded.")
    sample_rate_hz: int | None = Field(None, description="Of the stored sound.")
    channels: int | None = Field(None, description="Of the stored sound.")
    fps: float | None = Field(None, description="Frames a second.")
    frames: int | None = Field(None, description="Number of frames.")
    video_codec: str | None = None
    audio_codec: str | None = None
    loudness_dbfs: float | None = Field(None, description="RMS over the whole sound, decibels below full scale.")
    peak_dbfs: float | None = Field(None, description="Loudest sample, decibels below full scale.")
    silent_share: float | None = Field(None, description="Share of the sound below -50 dBFS, 0 to 1.")


class EarlierFile(Contract):
    """A file that the asking user has brought in, or given to a job."""

    ref: MediaRef = Field(description="What a graph's input takes; its digest is what a pipeline's option takes.")
    used: float = Field(description="When it was last brought in or given to a job: UTC, seconds since 1970.")
    url: str
    thumbnail: str | None = Field(None, description="URL of a small picture, for images and videos.")


class EarlierFiles(Contract):
    uploads: list[EarlierFile] = Field(description="Newest first.")


class Upload(Contract):
    """A file that was taken in."""

    ref: MediaRef = Field(description="What a graph's input takes.")
    kind: MediaKind
    facts: MediaFacts
    faces: list[FaceBox] = Field(default_factory=list, description="Of a picture; the largest first.")
    warnings: list[UploadWarning] = Field(default_factory=list)
    url: str = Field("", description="Where the page finds it: /api/artifacts/<sha256>.")
