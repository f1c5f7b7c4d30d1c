"""The note of a partial file never says more than what is on the disk."""

from __future__ import annotations

import hashlib
import threading
from pathlib import Path

import pytest

from workbench.weights.partial_file import PartialFile, bytes_here, note_path

DATA = bytes(range(256)) * 100


def test_pieces_are_what_is_missing(tmp_path: Path) -> None:
    with PartialFile(tmp_path / "f") as partial:
        assert partial.missing(1000) == [(0, None)]
        partial.write(500, DATA[500:600])
        assert partial.missing(1000) == [(0, 500), (600, None)]
        partial.size = 2000
        assert partial.missing(1000) == [(0, 500), (600, 1600), (1600, 2000)]
        assert partial.missing(1000, after=1000) == [(1000, 2000)]
        partial.write(0, DATA[:500])
        assert partial.missing(1000) == [(600, 1600), (1600, 2000)] and partial.bytes_here == 600


def test_closed_file_goes_on_with_bytes_size_version_and_digest(tmp_path: Path) -> None:
    path = tmp_path / "sub" / "f"
    with PartialFile(path) as partial:
        partial.size, partial.validator = len(DATA), '"v1"'
        partial.write(0, DATA[:1000])
    assert bytes_here(path) == 1000
    with PartialFile(path) as partial:
        assert (partial.size, partial.validator, partial.bytes_here) == (len(DATA), '"v1"', 1000)
        partial.write(1000, DATA[1000:])
        assert partial.whole and partial.finish() == hashlib.sha256(DATA).hexdigest()
    with PartialFile(path) as partial:
        partial._hash.done = -1  # reading again would fail
        assert partial.finish() == hashlib.sha256(DATA).hexdigest()


def test_digest_of_a_file_that_was_changed_is_computed_again(tmp_path: Path) -> None:
    with PartialFile(tmp_path / "f") as partial:
        partial.size = len(DATA)
        partial.write(0, DATA)
        partial.finish()
    (tmp_path / "f").write_bytes(DATA[::-1])
    with PartialFile(tmp_path / "f") as partial:
        assert partial.finish() == hashlib.sha256(DATA[::-1]).hexdigest()


@pytest.mark.parametrize("note", [b"", b"{", b'{"spans": [[0, 10]], "size": 20}', b'{"other": 1}'])
def test_note_that_cannot_be_true_counts_as_none(tmp_path: Path, note: bytes) -> None:
    (tmp_path / "f").write_bytes(b"12345")
    note_path(tmp_path / "f").write_bytes(note)
    with PartialFile(tmp_path / "f") as partial:
        assert partial.bytes_here == 0 and partial.size is None


@pytest.mark.parametrize("how", ["closed", "restarted"])
def test_digest_that_is_overtaken_is_never_noted(tmp_path: Path, how: str) -> None:
    """As when Ctrl-C comes while a thread reads: the file is closed, and its number may be another file's by now."""
    reading, going_on = threading.Event(), threading.Event()

    class Slow:
        def update(self, data: bytes) -> None:
            reading.set()
            going_on.wait(10)

        def hexdigest(self) -> str:
            return "0" * 64

    failed: list[OSError] = []

    def finish(partial: PartialFile) -> None:
        try:
            partial.finish()
        except OSError as error:
            failed.append(error)

    with PartialFile(tmp_path / "f") as partial:
        partial.size = len(DATA)
        partial.write(0, DATA)
        partial._hash.digest = Slow()
        thread = threading.Thread(target=finish, args=(partial,))
        thread.start()
        assert reading.wait(10)
        if how == "restarted":
            partial.restart()
            going_on.set()
            thread.join()
    going_on.set()
    thread.join()
    assert failed and '"sha256":""' in note_path(tmp_path / "f").read_text()
