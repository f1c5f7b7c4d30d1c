"""Imports: a folder of models from another machine, a snapshot of a repository, files of one's own."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from nodes import weights
from schemas.errors import WorkbenchError
from tests.weights.conftest import Lab, sha256, some_bytes
from tests.weights.pickled import STATE, TROJAN, archive
from workbench.weights import importing, placing
from workbench.weights.folder import State

FILES = {"unet/model.safetensors": some_bytes(5000), "model_index.json": b"{}\n"}


def imported(lab: Lab, given: Path, name: str = "", accepted: bool = True) -> list[importing.Imported]:
    planned = importing.plan(given, lab.catalogue, name)
    return importing.run(lab.folder, planned, 2.0 if accepted else None, [], lab.said.say)


def refused(lab: Lab, given: Path, name: str = "") -> WorkbenchError:
    with pytest.raises(WorkbenchError) as raised:
        imported(lab, given, name)
    assert not lab.folder.partials()
    return raised.value


def written(folder: Path, files: dict[str, bytes]) -> Path:
    for path, content in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)
    return folder


def test_folder_of_models_of_another_machine(lab: Lab, tmp_path: Path) -> None:
    model = lab.serve("tiny", FILES)
    lab.serve("other", {"x.txt": b"x"})
    [fetched] = lab.fetch(model)
    shutil.copytree(lab.folder.root, tmp_path / "stick")
    shutil.rmtree(lab.folder.of("tiny"))
    [done] = imported(lab, tmp_path / "stick", accepted=False)
    assert (done.name, done.digest, done.already) == ("tiny", fetched.digest, False)
    assert lab.installed(model) == FILES
    record = lab.folder.record("tiny")
    assert record is not None and record.accepted_at == 1.0, "its licence was accepted over there"
    assert record.source.startswith("http://127.0.0.1") and not record.own
    [again] = imported(lab, tmp_path / "stick" / "tiny")
    assert again.already


def test_changed_file_of_a_copied_folder_is_refused(lab: Lab, tmp_path: Path) -> None:
    model = lab.serve("tiny", FILES, known=False)
    lab.fetch(model)
    shutil.copytree(lab.folder.root, tmp_path / "stick")
    shutil.rmtree(lab.folder.of("tiny"))
    (tmp_path / "stick" / "tiny" / "model_index.json").write_bytes(b"[]\n")
    error = refused(lab, tmp_path / "stick")
    assert error.code == "model.differs" and lab.folder.state("tiny") is not State.INSTALLED


@pytest.mark.parametrize("path", ["../outside.txt", "{given}/outside.txt", "unet//../../outside.txt"])
def test_record_that_names_files_outside_of_its_folder_is_no_record(lab: Lab, tmp_path: Path, path: str) -> None:
    """A record comes with a copied folder. Following it would remove the file at the target before it is linked."""
    given = tmp_path / "stick"
    outside = written(given, {"outside.txt": b"mine"}) / "outside.txt"
    lab.fetch(lab.serve("tiny", FILES))
    shutil.copytree(lab.folder.of("tiny"), given / "foreign")
    record = given / "foreign" / weights.RECORD
    record.write_text(record.read_text().replace("model_index.json", path.format(given=given)))
    assert refused(lab, given).code == "model.bad_import"
    assert outside.read_bytes() == b"mine" and lab.folder.record("foreign") is None


@pytest.mark.parametrize("name", [".partial", "My Model"])
def test_folder_whose_name_no_parameter_can_have_is_not_imported(lab: Lab, tmp_path: Path, name: str) -> None:
    lab.fetch(lab.serve("tiny", FILES))
    shutil.copytree(lab.folder.of("tiny"), tmp_path / "stick" / name)
    assert refused(lab, tmp_path / "stick").code == "model.bad_import"
    assert not lab.folder.of("My Model").exists()


def test_snapshot_of_the_repository_with_other_names_and_links(lab: Lab, tmp_path: Path) -> None:
    """As Hugging Face's tools leave it: links to blobs, half precision beside full precision."""
    content = some_bytes(4000)
    entry = f'{{ path = "unet/m.safetensors", from = "unet/m.fp16.safetensors", sha256 = "{sha256(content)}" }}'
    lab.serve("tiny", FILES)
    lab.entries += (
        '\n[models.half]\ntitle = "H"\nlicence = "lab"\nservices = ["x"]\nsource = { url = "http://x.test/" }\n'
    )
    lab.entries += f"files = [{entry}]\n"
    (lab.folder.root / "models.toml").write_text(lab.entries)
    blob = written(tmp_path / "blobs", {"1": content}) / "1"
    snapshot = written(tmp_path / "snapshot", {"unet/m.safetensors": b"full precision"}) / "unet"
    (snapshot / "m.fp16.safetensors").symlink_to(blob)
    (snapshot / "m.safetensors").unlink()
    [done] = imported(lab, tmp_path / "snapshot", "half")
    assert (lab.folder.of("half") / "unet" / "m.safetensors").read_bytes() == content
    assert done.how != (), "placed"
    assert not (lab.folder.of("half") / "unet" / "m.safetensors").is_symlink()


@pytest.mark.parametrize("links", [True, False])
def test_diffusers_folder_of_ones_own(lab: Lab, tmp_path: Path, links: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if not links:
        monkeypatch.setattr(placing.os, "link", lambda *_: (_ for _ in ()).throw(OSError("no links")))
        monkeypatch.setattr(placing, "_reflink", lambda *_: False)
    own = written(tmp_path / "own", {**FILES, "run.py": b"print()", ".git/config": b"x"})
    archive(own / "unet" / "model.bin", STATE)
    [done] = imported(lab, own, "mine")
    assert (set(done.how) == {placing.Placed.COPY}) is not links
    record = lab.folder.record("mine")
    assert record is not None and record.own and set(record.files) == set(FILES)
    assert weights.locate(lab.folder.root, "mine") == lab.folder.of("mine")
    assert "left out unet/model.bin: there is a .safetensors beside it" in lab.said.texts
    assert "left out run.py: code is not needed to load weights" in lab.said.texts


def test_single_file_of_ones_own_may_be_a_pickle_of_tensors(lab: Lab, tmp_path: Path) -> None:
    [done] = imported(lab, archive(tmp_path / "checkpoint.pth", STATE), "mine")
    record = lab.folder.record("mine")
    assert record is not None and list(record.files) == ["checkpoint.pth"] and done.digest == record.digest


def test_trojaned_pickle_is_refused_by_name(lab: Lab, tmp_path: Path) -> None:
    error = refused(lab, archive(tmp_path / "checkpoint.pth", TROJAN), "mine")
    assert error.code == "model.unsafe" and error.seen == "posix.system"
    assert error.where == str(tmp_path / "checkpoint.pth") and lab.folder.state("mine") is not State.INSTALLED


def test_trojaned_pickle_at_the_source_is_refused_though_its_digest_is_right(lab: Lab, tmp_path: Path) -> None:
    content = archive(tmp_path / "t.pth", TROJAN).read_bytes()
    model = lab.serve("tiny", {"net.pth": content})
    with pytest.raises(WorkbenchError) as raised:
        lab.fetch(model)
    assert raised.value.code == "model.unsafe" and raised.value.where == "tiny/net.pth"
    assert lab.folder.record("tiny") is None and not list(lab.folder.root.rglob("net.pth"))


def test_name_of_the_catalogue_holds_ones_file_to_its_digest(lab: Lab, tmp_path: Path) -> None:
    lab.serve("tiny", {"model.safetensors": b"right"})
    (tmp_path / "wrong.safetensors").write_bytes(b"wrong")
    assert refused(lab, tmp_path / "wrong.safetensors", "tiny").code == "model.differs"
    (tmp_path / "any-name.safetensors").write_bytes(b"right")
    [done] = imported(lab, tmp_path / "any-name.safetensors", "tiny")
    assert done.name == "tiny" and (lab.folder.of("tiny") / "model.safetensors").read_bytes() == b"right"


@pytest.mark.parametrize(
    ("files", "name", "text"),
    [
        ({"readme.md": b"x"}, "mine", "no file of weights"),
        ({"readme.md": b"x"}, "", "no folder of a model"),
        ({"model.safetensors": b"x"}, "My Model", "not a name"),
        ({"unet/model.safetensors": b"x"}, "tiny", "missing"),
    ],
)
def test_what_is_no_model_is_refused(lab: Lab, tmp_path: Path, files: dict[str, bytes], name: str, text: str) -> None:
    lab.serve("tiny", FILES)
    error = refused(lab, written(tmp_path / "given", files), name)
    assert error.code == "model.bad_import" and text in str(error) and error.remedy
    assert refused(lab, tmp_path / "nowhere").code == "model.bad_import"


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"<html>Please log in</html>",
        some_bytes(5000)[:-1],
        b"\xff" * 40,
        b"\x02" + b"\0" * 7 + b"[]",
        pytest.param((10**5).to_bytes(8, "little") + b"[" * 10**5, id="nested too deeply"),
    ],
)
def test_file_that_is_no_whole_safetensors_is_refused(lab: Lab, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "m.safetensors").write_bytes(content)
    assert refused(lab, tmp_path / "m.safetensors", "mine").code == "model.unreadable"
    model = lab.serve("tiny", {"m.safetensors": content or b"x"}, known=False)
    with pytest.raises(WorkbenchError) as raised:
        lab.fetch(model)
    assert raised.value.code == "model.unreadable" and raised.value.where == "tiny/m.safetensors"


def test_files_of_another_origin_are_never_replaced(lab: Lab, tmp_path: Path) -> None:
    model = lab.serve("tiny", FILES)
    written(lab.folder.of("tiny"), {"notes.txt": b"mine"})
    written(tmp_path / "given", FILES)
    for attempt in (lambda: lab.fetch(model), lambda: imported(lab, tmp_path / "given", "tiny")):
        with pytest.raises(WorkbenchError) as raised:
            attempt()
        assert raised.value.code == "model.no_record" and "--name tiny" in raised.value.remedy
    assert (lab.folder.of("tiny") / "notes.txt").read_bytes() == b"mine"
    lab.folder.of("tiny").rename(tmp_path / "elsewhere")
    lab.fetch(model)


def test_own_model_can_be_imported_again(lab: Lab, tmp_path: Path) -> None:
    for seed in ("one", "two"):
        (tmp_path / "m.safetensors").unlink(missing_ok=True)
        (tmp_path / "m.safetensors").write_bytes(some_bytes(3000, seed))
        [done] = imported(lab, tmp_path / "m.safetensors", "mine")
        assert not done.already
    assert (lab.folder.of("mine") / "m.safetensors").read_bytes() == some_bytes(3000, "two")
