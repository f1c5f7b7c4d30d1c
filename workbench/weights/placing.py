"""Puts a file of this machine into another folder: as a reflink, a hard link, or a copy."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import shutil
from enum import StrEnum
from pathlib import Path

_NO_REFLINK = (errno.EOPNOTSUPP, errno.EXDEV, errno.EINVAL, errno.ENOTTY, errno.ENOSYS, errno.EPERM)
_FICLONE = 0x40049409  # Linux: share the blocks of another file (btrfs, XFS, bcachefs, overlays of them)


class Placed(StrEnum):
    """How a file got there."""

    REFLINK = "reflink"
    HARDLINK = "hard link"
    COPY = "copy"


def place(source: Path, target: Path) -> Placed:
    """Put the bytes of a file at another path; an existing file there is replaced. Blocks for a copy.

    A hard link shares the file itself: who later changes the source changes the model, which is noticed when the model
    is used. Raises OSError.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    target.unlink(missing_ok=True)
    real = source.resolve()  # a snapshot of Hugging Face's cache is links to blobs
    if _reflink(real, target):
        return Placed.REFLINK
    with contextlib.suppress(OSError):  # another disk, or one without hard links
        os.link(real, target)
        return Placed.HARDLINK
    shutil.copy2(real, target)
    return Placed.COPY


def shares_disk(source: Path, folder: Path) -> bool:
    """Whether a file can be linked into a folder, so that it takes no space."""
    return source.resolve().stat().st_dev == folder.stat().st_dev


def _reflink(source: Path, target: Path) -> bool:
    with source.open("rb") as given, target.open("wb") as made:
        try:
            fcntl.ioctl(made, _FICLONE, given.fileno())
        except OSError as error:
            if error.errno not in _NO_REFLINK:
                raise
            refused = True
        else:
            refused = False
    if refused:
        target.unlink()
        return False
    shutil.copystat(source, target)
    return True
