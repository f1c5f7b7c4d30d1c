"""The refusals of files, each with its remedy."""

from __future__ import annotations

from schemas.errors import WorkbenchError

ACCEPTED = "PNG, JPEG, WebP; WAV, FLAC, MP3, Ogg, M4A/AAC, WebM audio; MP4 or WebM video"


def refused(seen: str, remedy: str = "", allowed: str = ACCEPTED) -> WorkbenchError:
    """A type that is not accepted (upload.refused)."""
    return WorkbenchError(
        "upload.refused",
        f"{seen} is not accepted",
        where="file",
        seen=seen,
        allowed=allowed,
        remedy=remedy or "Give a picture, a sound or a video of one of these types.",
    )


def unreadable(what: str, seen: str = "") -> WorkbenchError:
    """A file that is damaged or not what it says (upload.unreadable)."""
    return WorkbenchError(
        "upload.unreadable",
        what,
        where="file",
        seen=seen[:300] or None,
        remedy="Open the file where it came from and save or export it again, then give that one.",
    )


def too_large(what: str, seen: str, allowed: str, remedy: str = "") -> WorkbenchError:
    """A file, picture or length above the bounds (upload.too_large)."""
    return WorkbenchError(
        "upload.too_large",
        what,
        where="file",
        seen=seen,
        allowed=allowed,
        remedy=remedy or "Cut or scale it down, then give that file.",
    )


def needs_memory() -> WorkbenchError:
    """A file whose decoding takes more memory than the decoder may use (upload.too_large)."""
    return too_large("the file needs too much memory to be decoded", "over 1.5 GiB", "1.5 GiB")


def megabytes(size_bytes: float) -> str:
    return f"{size_bytes / 1e6:,.1f} MB" if size_bytes < 1e8 else f"{size_bytes / 1e6:,.0f} MB"
