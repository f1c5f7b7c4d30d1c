"""A pickled file with anything but tensors is refused with the name that it wants to import."""

from __future__ import annotations

import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from schemas.errors import WorkbenchError
from tests.weights.pickled import COMPUTED, STATE, TROJAN, archive, old_format
from workbench.weights.pickles import check_pickle

Write = Callable[[Path, bytes], Path]


@pytest.mark.parametrize("write", [archive, old_format])
def test_tensors_pass(tmp_path: Path, write: Write) -> None:
    check_pickle(write(tmp_path / "model.pth", STATE))


@pytest.mark.parametrize("write", [archive, old_format])
@pytest.mark.parametrize(
    ("pickled", "seen"),
    [
        (TROJAN, "posix.system"),
        (COMPUTED, "SHORT_BINUNICODE"),
        (pickle.dumps(print, protocol=2), "__builtin__.print"),
        (b"\x80\x02ctorch.hub\nload\n.", "torch.hub.load"),
        (b"\x80\x02ctorch.storage\n_load_from_bytes\n.", "torch.storage._load_from_bytes"),
        (b"\x80\x02ctorch.FloatStorage\n__init__\n.", "torch.FloatStorage.__init__"),
        (b"(S'true'\nios\nsystem\n.", "STRING"),
        (b"\x80\x02\x82\x01.", "EXT1"),
        (b"\x80\x02}X", "unreadable"),
    ],
)
def test_anything_else_is_refused_by_name(tmp_path: Path, write: Write, pickled: bytes, seen: str) -> None:
    with pytest.raises(WorkbenchError) as raised:
        check_pickle(write(tmp_path / "model.pth", pickled), "tiny/model.pth")
    assert raised.value.code == "model.unsafe"
    assert raised.value.seen == seen and raised.value.where == "tiny/model.pth"


@pytest.mark.parametrize(
    ("more", "seen"),
    [({"code/net.py": b"1"}, "TorchScript"), ({"constants.pkl": TROJAN}, "posix.system")],
)
def test_other_parts_of_an_archive_count(tmp_path: Path, more: dict[str, bytes], seen: str) -> None:
    with pytest.raises(WorkbenchError) as raised:
        check_pickle(archive(tmp_path / "model.pth", STATE, more))
    assert raised.value.seen == seen


@pytest.mark.parametrize("encrypted", [True, False])
def test_archive_that_cannot_be_unpacked_is_refused(tmp_path: Path, encrypted: bool) -> None:
    path = archive(tmp_path / "model.pth", STATE)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as made:
        made.writestr("model/data.pkl", STATE * 20)
    content = bytearray(path.read_bytes())
    if encrypted:  # as the flags of the entry say, here and in the directory
        content[content.rindex(b"PK\x01\x02") + 8] |= 1
        content[6] |= 1
    else:  # its packed bytes are not what zlib expects
        start = 30 + len("model/data.pkl")
        content[start : start + 8] = b"\xff" * 8
    path.write_bytes(content)
    with pytest.raises(WorkbenchError) as raised:
        check_pickle(path)
    assert raised.value.code == "model.unsafe" and raised.value.seen == "unreadable"


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"<html>Please log in</html>",
        b"\x89PNG\r\n\x1a\n" * 9,
        pytest.param(b"\x80\x04\x8d" + (2**62).to_bytes(8, "little"), id="a text of 4 EiB"),
    ],
)
def test_what_is_no_pickle_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "model.pth").write_bytes(content)
    with pytest.raises(WorkbenchError) as raised:
        check_pickle(tmp_path / "model.pth")
    assert raised.value.code == "model.unsafe"
