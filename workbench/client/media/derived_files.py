"""Thumbnails, waveforms, streams and frame indexes of artifacts.

The inspection process makes them once; bounded folders cache them.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

import orjson

from schemas.errors import WorkbenchError
from schemas.refs import Ref
from workbench.client.delivery.deliver import deliver
from workbench.client.deployment import Deployment
from workbench.client.incoming_files import incoming_folder
from workbench.client.inspection.inspector import StreamIndex
from workbench.client.media.bounded_folder import keep_bounded
from workbench.client.media.media_types import is_shown
from workbench.store.files import written

SIDES_PX = (80, 160, 320)
POINTS = (200, 600, 1200)
_LIMIT_BYTES = {"thumbnails": 128_000_000, "waveforms": 32_000_000, "streams": 2_000_000_000, "frames": 256_000_000}

T = TypeVar("T")


def rounded_up(wanted: int, sizes: Sequence[int]) -> int:
    """The smallest of the sizes that is at least the wanted one, else the largest."""
    return next((size for size in sizes if size >= wanted), sizes[-1])


def thumbnail(deployment: Deployment, ref: Ref, side_px: int) -> Path:
    """A JPEG of an image, or of the frame one third into a video. Blocks.

    Raises WorkbenchError: artifact.no_thumbnail for other kinds; upload.* if the file cannot be decoded; store.*.
    """
    _check_kind(ref, ("image", "video"), "artifact.no_thumbnail", "thumbnail", "Show an icon of its kind.")

    def make(out: Path) -> None:
        deployment.inspector.thumbnail(deployment.open(ref), out, side_px)

    return _made_once(deployment, "thumbnails", [f"{ref.sha256}-{side_px}.jpg"], make, Path)


def waveform(deployment: Deployment, ref: Ref, points: int) -> list[float]:
    """The largest amplitude in each of ``points`` equal sections of an audio file or a video, 0 to 1. Blocks.

    Raises WorkbenchError: artifact.no_waveform for other kinds; upload.* if the file cannot be decoded; store.*.
    """
    _check_kind(ref, ("audio", "video"), "artifact.no_waveform", "waveform", "Show it without a waveform.")

    def make(out: Path) -> None:
        out.write_bytes(orjson.dumps(deployment.inspector.waveform(deployment.open(ref), points)))

    def read(file: Path) -> list[float]:
        return list(orjson.loads(file.read_bytes()))

    return _made_once(deployment, "waveforms", [f"{ref.sha256}-{points}.json"], make, read)


def stream(deployment: Deployment, ref: Ref) -> tuple[StreamIndex, Path]:
    """The positions of pieces that a browser plays without the whole file, and the file with them.

    Blocks: a minute of video takes 0.1 s. Raises WorkbenchError: artifact.no_stream for other kinds and codecs;
    upload.* if the file cannot be read; store.*.
    """
    if ref.kind not in ("audio", "video"):
        raise _not_played(ref, ref.kind)

    def make(pieces: Path, index: Path) -> None:
        try:
            index.write_bytes(deployment.inspector.stream(deployment.open(ref), pieces).to_json())
        except WorkbenchError as error:
            if error.code == "upload.refused":
                raise _not_played(ref, str(error.seen)) from error
            raise

    def read(pieces: Path, index: Path) -> tuple[StreamIndex, Path]:
        return StreamIndex.model_validate_json(index.read_bytes()), pieces

    return _made_once(deployment, "streams", [f"{ref.sha256}.mp4", f"{ref.sha256}.json"], make, read)


def frames(deployment: Deployment, ref: Ref, *, owner: str | None = None) -> Path:
    """The frame index of a video, as a JSON file. Blocks: a minute of video takes 0.1 s.

    Its offsets count in the bytes that a browser gets for the artifact. These are the stored ones for a video that
    browsers show, and those of the signed copy for one that they only save.

    Args:
        owner: as of ``deliver``.

    Raises WorkbenchError: artifact.no_frames for other kinds, and videos without frames that could be found by offset;
    upload.* if the file cannot be read; store.*.
    """
    _check_kind(ref, ("video",), "artifact.no_frames", "frames", "Choose a video.")
    if is_shown(ref):
        return _indexed(deployment, lambda: deployment.open(ref), ref.sha256)
    signed = deliver(deployment, ref, owner=owner)
    return frames_of_copy(deployment, signed.path, signed.sha256)


def frames_of_copy(deployment: Deployment, path: Path, sha256: str) -> Path:
    """The frame index of a file that has left, or is about to leave, the workbench. Raises as ``frames``."""
    return _indexed(deployment, lambda: path, sha256)


def _indexed(deployment: Deployment, opened: Callable[[], Path], sha256: str) -> Path:
    def make(out: Path) -> None:
        try:
            deployment.inspector.frames(opened(), out, sha256)
        except WorkbenchError as error:
            if error.code == "upload.refused":
                raise WorkbenchError(
                    "artifact.no_frames",
                    f"there is no frame index of {error.seen}",
                    where=sha256,
                    seen=error.seen,
                    allowed=error.allowed,
                    remedy=error.remedy,
                ) from error
            raise

    return _made_once(deployment, "frames", [f"{sha256}.json"], make, _not_empty)


def _not_empty(file: Path) -> Path:
    if not file.stat().st_size:
        raise ValueError("a process ended while it wrote the file")
    return file


def _made_once(
    deployment: Deployment, kind: str, names: Sequence[str], make: Callable[..., None], read: Callable[..., T]
) -> T:
    """What ``read`` returns for the files of these names. ``make`` writes them if the cache does not have them."""
    folder = deployment.settings.home / "cache" / kind
    files = [folder / name for name in names]
    with written(folder), contextlib.suppress(FileNotFoundError, ValueError):  # not made yet, just evicted, or damaged
        for file in files:
            os.utime(file)  # recently used files stay
        return read(*files)
    with incoming_folder(deployment.settings.home) as work:
        made = [work / name for name in names]
        for new in made:
            new.touch(mode=0o600)
        make(*made)
        with written(folder):
            folder.mkdir(parents=True, exist_ok=True)
            for new, file in zip(made, files, strict=True):
                new.replace(file)
            found = read(*files)
    keep_bounded(folder, _LIMIT_BYTES[kind])
    return found


def _check_kind(ref: Ref, kinds: Sequence[str], code: str, what: str, remedy: str) -> None:
    if ref.kind not in kinds:
        raise WorkbenchError(
            code,
            f"this kind of artifact has no {what}",
            where=ref.sha256,
            seen=ref.kind,
            allowed=" or ".join(kinds),
            remedy=remedy,
        )


def _not_played(ref: Ref, seen: str) -> WorkbenchError:
    return WorkbenchError(
        "artifact.no_stream",
        "this artifact cannot be played in pieces",
        where=ref.sha256,
        seen=seen,
        allowed="H.264, AV1 or VP9 video, and audio",
        remedy="Download it, or open the notebook where the browser reaches the app.",
    )
