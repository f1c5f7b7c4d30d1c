"""The Unix socket of the embedded MLflow, in a folder that only its owner may enter.

The socket itself has mode 0666, so the folder keeps other accounts out. Linux allows 107 bytes for its path and macOS
103. A home with a longer path gets a short folder elsewhere, named after the home.
"""

from __future__ import annotations

import hashlib
import os
import stat
import tempfile
from pathlib import Path

from schemas.errors import WorkbenchError

NAME = "mlflow.sock"
LONGEST_BYTES = 100
LAST_RESORT = "/tmp"  # if the path of the temporary folder is also too long


def socket_path(home: Path) -> Path:
    """The path of the socket. Its folder exists, belongs to this user and has mode 0700.

    Raises WorkbenchError (home.not_writable) if there is no such folder.
    """
    inside = home / "mlflow" / NAME
    if _fits(inside):
        return inside
    for folder in _short_folders(home):
        if _fits(folder / NAME) and _owned(folder):
            return folder / NAME
    raise WorkbenchError(
        "home.not_writable",
        "There is no place for MLflow's socket: the path of the home is too long, and no shorter folder is usable.",
        where=str(inside),
        seen=f"{len(os.fsencode(inside))} bytes",
        allowed=f"{LONGEST_BYTES} bytes",
        remedy="Set WORKBENCH_HOME to a shorter path, or XDG_RUNTIME_DIR to a folder that you own.",
    )


def clear_socket(home: Path) -> None:
    """Remove leftovers of a stopped or killed server of this home: its socket, and our short folder."""
    (home / "mlflow" / NAME).unlink(missing_ok=True)
    for folder in _short_folders(home):
        if folder.is_dir() and not folder.is_symlink() and folder.stat().st_uid == os.getuid():
            (folder / NAME).unlink(missing_ok=True)
            if not any(folder.iterdir()):
                folder.rmdir()


def _short_folders(home: Path) -> list[Path]:
    name = f"workbench-{os.getuid()}-{hashlib.sha256(os.fsencode(home)).hexdigest()[:12]}"
    places = (os.environ.get("XDG_RUNTIME_DIR"), tempfile.gettempdir(), LAST_RESORT)
    return [Path(place) / name for place in dict.fromkeys(places) if place]


def _fits(path: Path) -> bool:
    return len(os.fsencode(path)) <= LONGEST_BYTES


def _owned(folder: Path) -> bool:
    """Whether the folder, created now or earlier, is ours alone. In /tmp, another user may have created it first."""
    try:
        folder.mkdir(mode=0o700)
    except FileExistsError:
        pass
    except OSError:
        return False
    found = folder.lstat()
    return stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid() and stat.S_IMODE(found.st_mode) == 0o700
