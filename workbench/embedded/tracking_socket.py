"""Where the embedded MLflow listens: a Unix socket in a folder that only its owner may enter.

The socket itself is made with mode 0666, so the folder is what keeps other accounts out. Linux takes 107 bytes for its
path and macOS 103; a home that lies too deep gets a short folder elsewhere, named after the home.
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
LAST_RESORT = "/tmp"  # where the temporary folder is deep as well


def socket_path(home: Path) -> Path:
    """The socket's path; its folder is there, belongs to this user and has mode 0700.

    Raises WorkbenchError (home.not_writable) where there is no such place.
    """
    inside = home / "mlflow" / NAME
    if _fits(inside):
        return inside
    for folder in _short_folders(home):
        if _fits(folder / NAME) and _owned(folder):
            return folder / NAME
    raise WorkbenchError(
        "home.not_writable",
        "There is no place for MLflow's socket: the path of the home is too long, and no short folder is ours.",
        where=str(inside),
        seen=f"{len(os.fsencode(inside))} bytes",
        allowed=f"{LONGEST_BYTES} bytes",
        remedy="Set WORKBENCH_HOME to a shorter path, or XDG_RUNTIME_DIR to a folder of your own.",
    )


def clear_socket(home: Path) -> None:
    """Remove what a stopped or killed server of this home has left: its socket, and a short folder of ours."""
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
    """Whether the folder is ours alone, made now or before; in /tmp anybody may have been first with its name."""
    try:
        folder.mkdir(mode=0o700)
    except FileExistsError:
        pass
    except OSError:
        return False
    found = folder.lstat()
    return stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid() and stat.S_IMODE(found.st_mode) == 0o700
