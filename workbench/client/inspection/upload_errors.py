"""The errors for refused files and the warnings about accepted ones, each with its remedy."""

from __future__ import annotations

from typing import Literal

from schemas.errors import WorkbenchError
from schemas.upload import UploadWarning

ACCEPTED = (
    "PNG, JPEG, WebP, AVIF, TIFF, BMP; WAV, AIFF, FLAC, MP3, Ogg, M4A/AAC; "
    "MP4, MOV, WebM or Matroska, for video and for its audio; a zip of portraits; a LoRA as safetensors"
)


def refused(seen: str, remedy: str = "", allowed: str = ACCEPTED) -> WorkbenchError:
    """The error for a format that is not accepted (upload.refused)."""
    return WorkbenchError(
        "upload.refused",
        f"{seen} is not accepted",
        where="file",
        seen=seen,
        allowed=allowed,
        remedy=remedy or "Choose an image, audio file or video in one of these formats.",
    )


def unreadable(what: str, seen: str = "") -> WorkbenchError:
    """The error for a file that is damaged or does not match its format (upload.unreadable)."""
    return WorkbenchError(
        "upload.unreadable",
        what,
        where="file",
        seen=seen[:300] or None,
        remedy="Save or export the file again in the program that made it, then choose the new file.",
    )


def too_large(what: str, seen: str, allowed: str, remedy: str = "") -> WorkbenchError:
    """The error for a file size, image size or duration above a limit (upload.too_large)."""
    return WorkbenchError(
        "upload.too_large",
        what,
        where="file",
        seen=seen,
        allowed=allowed,
        remedy=remedy or "Shorten it or scale it down, then choose the new file.",
    )


def needs_memory() -> WorkbenchError:
    """The error for a file whose decoding needs more memory than the limit (upload.too_large)."""
    return too_large("the file needs too much memory to be decoded", "over 1.5 GiB", "1.5 GiB")


def hint(code: str, message: str, remedy: str, level: Literal["warning", "error"] = "warning") -> UploadWarning:
    """A warning about an accepted file."""
    return UploadWarning(code=code, level=level, message=message, remedy=remedy)


def megabytes(size_bytes: float) -> str:
    return f"{size_bytes / 1e6:,.1f} MB" if size_bytes < 1e8 else f"{size_bytes / 1e6:,.0f} MB"
