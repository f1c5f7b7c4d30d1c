"""The answer to an upload: the file's type, what was found in it, and possible problems."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from schemas.base import Contract
from schemas.refs import AudioRef, FileRef, ImageRef, VideoRef

FORMATS = (
    *("png", "jpeg", "webp", "avif", "tiff", "bmp"),
    *("wav", "aiff", "flac", "mp3", "ogg", "m4a", "aac", "mka"),
    *("webm", "matroska", "mp4", "mov"),
    *("zip", "safetensors"),
)
# What a file is inspected as. The last two are references of the kind file.
UploadKind = Literal["image", "audio", "video", "portraits", "lora"]
UploadRef = Annotated[ImageRef | AudioRef | VideoRef | FileRef, Field(discriminator="kind")]


class FaceBox(Contract):
    """A face from forehead to chin, in pixels of the stored image. The box may extend beyond the image."""

    left: float
    top: float
    right: float
    bottom: float
    score: float = Field(ge=0, le=1, description="Confidence of the detector.")


class UploadWarning(Contract):
    """A problem to know about before using the file."""

    code: str = Field(description="face.none, face.too_small, audio.quiet, …; docs/design/uploads.md lists them.")
    level: Literal["warning", "error"] = Field("warning", description="error: unusable for a talking-head video.")
    message: str
    remedy: str


class ArchiveImage(Contract):
    """An image of a zip of portraits, as it is stored there."""

    name: str = Field(max_length=64, description="Its plain name in the stored zip, such as `0001.jpg`.")
    given: str = Field("", max_length=200, description="Its name in the zip that was uploaded, for people.")
    width: int = Field(ge=1, description="Pixels, after applying the orientation.")
    height: int = Field(ge=1, description="Pixels, after applying the orientation.")
    faces: int | None = Field(None, ge=0, description="Number of faces; null if they could not be counted.")
    caption: bool = Field(False, description="Whether it has a caption: a `.txt` file beside it.")


class LoraFacts(Contract):
    """What the header of a LoRA file says."""

    tensors: int = Field(ge=1, description="Number of tensors.")
    rank: int = Field(ge=1, description="The largest rank of its layers.")
    trigger: str = Field("", max_length=200, description="The word in a prompt that calls for what it learned.")
    base_model: str = Field("", max_length=200, description="Name of the model that it was trained on.")
    licence: str = Field("", max_length=200, description="Licence of that model, which also binds the LoRA.")


class MediaFacts(Contract):
    """Properties measured while the file was decoded. Fields that do not apply to its kind are null."""

    format: str = Field(description=f"Detected from the bytes: {', '.join(FORMATS)}.")
    rewritten: bool = Field(True, description="Whether the stored bytes were encoded anew, without metadata.")
    width: int | None = Field(None, description="Pixels, after applying the orientation.")
    height: int | None = Field(None, description="Pixels, after applying the orientation.")
    duration_s: float | None = Field(None, description="Seconds that could be decoded.")
    sample_rate_hz: int | None = Field(None, description="Sample rate of the stored audio.")
    channels: int | None = Field(None, description="Number of channels of the stored audio.")
    fps: float | None = Field(None, description="Frames per second.")
    frames: int | None = Field(None, description="Number of frames.")
    video_codec: str | None = None
    audio_codec: str | None = None
    loudness_dbfs: float | None = Field(None, description="RMS of the whole audio in dBFS.")
    peak_dbfs: float | None = Field(None, description="Level of the loudest sample in dBFS.")
    silent_share: float | None = Field(None, description="Share of the audio below -50 dBFS, 0 to 1.")
    images: list[ArchiveImage] | None = Field(None, max_length=500, description="The images of a zip of portraits.")
    lora: LoraFacts | None = Field(None, description="What the header of a LoRA file says.")


class EarlierFile(Contract):
    """A file that the user has uploaded or used in a job."""

    ref: UploadRef = Field(description="Reference for the input of a graph; pipeline options take its digest.")
    kind: UploadKind
    used: float = Field(description="Time of the last upload or use in a job: UTC, seconds since 1970.")
    url: str
    thumbnail: str | None = Field(None, description="URL of a thumbnail, for images and videos.")


class EarlierFiles(Contract):
    uploads: list[EarlierFile] = Field(description="Newest first.")


class Upload(Contract):
    """An accepted upload."""

    ref: UploadRef = Field(description="Reference for the input of a graph.")
    kind: UploadKind
    facts: MediaFacts
    faces: list[FaceBox] = Field(default_factory=list, description="Faces in an image, largest first.")
    warnings: list[UploadWarning] = Field(default_factory=list)
    url: str = Field("", description="URL of the stored file: /api/artifacts/<sha256>.")
