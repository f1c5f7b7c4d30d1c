"""Verification finds each byte that changed; collection removes only what is not needed."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from nodes.weights import locate
from schemas.errors import WorkbenchError
from tests.weights.conftest import Lab, some_bytes
from tests.weights.server import Fault, FileServer
from workbench.weights.collect import Kind, leftovers, remove
from workbench.weights.folder import State
from workbench.weights.importing import plan, run
from workbench.weights.verify import Verified, verify

FILES = {"unet/model.safetensors": some_bytes(5000), "model_index.json": b"{}\n"}


def verified(lab: Lab, *names: str) -> list[Verified]:
    return verify(lab.folder, lab.catalogue, names, lambda *_: None)


def test_right_model_has_no_differences(lab: Lab) -> None:
    lab.fetch(lab.serve("tiny", FILES))
    [found] = verified(lab, "tiny")
    assert (found.files, found.bytes, found.differences, found.remedy) == (2, 5003, (), "")


def test_flipped_byte_is_found_though_size_and_time_are_the_same(lab: Lab) -> None:
    model = lab.serve("tiny", FILES)
    lab.fetch(model)
    path = lab.folder.of("tiny") / "unet" / "model.safetensors"
    status = path.stat()
    path.write_bytes(bytes([FILES["unet/model.safetensors"][0] ^ 1]) + FILES["unet/model.safetensors"][1:])
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert locate(lab.folder.root, "tiny"), "a stat cannot see it"
    [found] = verified(lab, "tiny")
    assert [one.path for one in found.differences] == ["unet/model.safetensors"]
    assert found.remedy == "`workbench models fetch tiny` gets the files that differ again."
    with pytest.raises(WorkbenchError) as raised:
        locate(lab.folder.root, "tiny")
    assert raised.value.code == "model.damaged", "and no node gets it from now on"
    lab.fetch(model)
    assert lab.installed(model) == FILES and not verified(lab, "tiny")[0].differences


def test_missing_unknown_and_absent_are_named(lab: Lab) -> None:
    lab.fetch(lab.serve("tiny", FILES))
    lab.serve("other", FILES)
    (lab.folder.of("tiny") / "model_index.json").unlink()
    (lab.folder.of("tiny") / "unet" / "extra.bin").write_bytes(b"x")
    tiny, other = verified(lab, "tiny", "other")
    assert {(one.path, one.what) for one in tiny.differences} == {
        ("model_index.json", "missing"),
        ("unet/extra.bin", "not recorded"),
    }
    assert [one.what for one in other.differences] == ["not installed"] and "fetch other" in other.remedy
    with pytest.raises(WorkbenchError) as raised:
        verified(lab, "nothing")
    assert raised.value.code == "model.unknown"


def test_other_times_of_the_same_bytes_are_noted_anew(lab: Lab) -> None:
    """As after a copy of the folder without its times."""
    lab.fetch(lab.serve("tiny", FILES))
    os.utime(lab.folder.of("tiny") / "model_index.json")
    assert lab.folder.state("tiny") is State.DAMAGED
    [found] = verified(lab, "tiny")
    assert found.renewed and not found.differences
    assert locate(lab.folder.root, "tiny")


def test_record_of_another_file_than_the_catalogues_is_found(lab: Lab) -> None:
    lab.fetch(lab.serve("tiny", FILES, known=False))
    lab.entries = lab.entries[: lab.entries.index("\n[models")]
    lab.serve("tiny", {**FILES, "model_index.json": b"[]\n"})
    [found] = verified(lab, "tiny")
    assert [(one.path, one.what) for one in found.differences] == [
        ("model_index.json", "the catalogue names another file")
    ]


def test_collection_removes_downloads_and_orphans_only(lab: Lab, server: FileServer, tmp_path: Path) -> None:
    kept = lab.serve("kept", FILES)
    orphan = lab.serve("orphan", FILES)
    broken = lab.serve("broken", {"big.safetensors": some_bytes(100_000)})
    server.faults["/broken/big.safetensors"] = [Fault(), *[Fault(status=500)] * 9]
    lab.fetch(kept, orphan)
    with pytest.raises(WorkbenchError):
        lab.fetch(broken)
    (tmp_path / "mine.safetensors").write_bytes(some_bytes(2000))
    run(lab.folder, plan(tmp_path / "mine.safetensors", lab.catalogue, "mine"), None, [], print)
    (lab.folder.root / "by-hand").mkdir()
    lab.entries = lab.entries.replace('[models."orphan"]', '[models."renamed"]')
    (lab.folder.root / "models.toml").write_text(lab.entries)

    found = leftovers(lab.folder, lab.catalogue)
    assert [(one.kind, one.name) for one in found] == [(Kind.DOWNLOAD, "broken"), (Kind.MODEL, "orphan")]
    assert all(one.bytes > 0 for one in found)
    with lab.folder.lock("broken") as held:
        assert held()
        assert [one.name for one in leftovers(lab.folder, lab.catalogue)] == ["orphan"], "a process works on it"
        assert [one.name for one in remove(lab.folder, found)] == ["orphan"]
    remove(lab.folder, leftovers(lab.folder, lab.catalogue))
    assert not leftovers(lab.folder, lab.catalogue)
    there = {path.name for path in lab.folder.root.iterdir() if path.is_dir() and not path.name.startswith(".")}
    assert there == {"kept", "mine", "by-hand"}
