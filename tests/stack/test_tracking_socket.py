"""Where MLflow's socket lies: in the home, or in a short folder that is ours alone."""

from __future__ import annotations

import os
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from schemas.errors import WorkbenchError
from workbench.embedded.tracking_socket import LONGEST_BYTES, clear_socket, socket_path

DEEP = "d" * 100


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The only place for short folders; a test's own folder may itself be too long."""
    with tempfile.TemporaryDirectory(prefix="wb-") as folder:
        monkeypatch.setenv("XDG_RUNTIME_DIR", folder)
        monkeypatch.setattr("tempfile.tempdir", "/nowhere")
        monkeypatch.setattr("workbench.embedded.tracking_socket.LAST_RESORT", "/nowhere")
        yield Path(folder)


def test_it_lies_in_the_home_where_its_path_fits(short: Path) -> None:
    assert socket_path(short) == short / "mlflow" / "mlflow.sock"


def test_a_deep_home_gets_a_short_folder_which_goes_with_the_stack(short: Path) -> None:
    one, other = short / DEEP / "one", short / DEEP / "other"
    path = socket_path(one)
    assert path == socket_path(one) != socket_path(other)
    assert path.parent.parent == short and len(os.fsencode(path)) <= LONGEST_BYTES
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    path.touch()
    clear_socket(one)
    assert not path.parent.exists()
    assert socket_path(other).parent.exists()


@pytest.mark.parametrize("trap", ["open to all", "a link", "a file"])
def test_a_folder_that_somebody_else_may_enter_is_not_taken(short: Path, trap: str) -> None:
    """In a folder that all may write to, anybody may have been first with the name."""
    home = short / DEEP
    folder = socket_path(home).parent
    folder.rmdir()
    if trap == "a link":
        (short / "elsewhere").mkdir(mode=0o700)
        folder.symlink_to(short / "elsewhere")
    elif trap == "a file":
        folder.touch()
    else:
        folder.mkdir()
        folder.chmod(0o777)
    with pytest.raises(WorkbenchError, match="no shorter folder is usable"):
        socket_path(home)
    clear_socket(home)
