"""Fetching from a server that breaks off, lies and stalls: the model is whole and right, or it is not there."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from nodes.weights import locate
from schemas.errors import WorkbenchError
from tests.faults.test_disk_full import small_disk
from tests.weights.conftest import QUICK, Lab, sha256, some_bytes
from tests.weights.server import Fault, FileServer
from workbench.weights import folder as folder_module
from workbench.weights.fetch import Fetch
from workbench.weights.folder import State
from workbench.weights.partial_file import PartialFile

BIG = some_bytes(300_000)
URL = "/tiny/unet/big.safetensors"
FILES = {"unet/big.safetensors": BIG, "model_index.json": b"{}\n"}


def refused(lab: Lab, *models, **options) -> WorkbenchError:  # type: ignore[no-untyped-def]
    with pytest.raises(WorkbenchError) as raised:
        lab.fetch(*models, **options)
    for model in models:
        assert lab.folder.record(model.name) is None
        assert not lab.folder.of(model.name).exists(), "a model is whole or not there"
    return raised.value


def test_model_is_in_place_with_its_record(lab: Lab) -> None:
    model = lab.serve("tiny", FILES)
    [done] = lab.fetch(model)
    assert lab.installed(model) == FILES
    assert locate(lab.folder.root, "tiny") == lab.folder.of("tiny")
    record = lab.folder.record("tiny")
    assert record is not None and record.digest == done.digest
    assert (record.licence, record.licence_url, record.accepted_at) == ("Lab", "https://lab.test/licence", 1.0)
    assert not (record.first_recorded or done.already or lab.folder.partials())
    assert {path.name for path in lab.folder.of("tiny").rglob("*")} == {
        "unet",
        "big.safetensors",
        "model_index.json",
        "installed.json",
    }


def test_big_file_comes_in_ranges_side_by_side(lab: Lab, server: FileServer) -> None:
    model = lab.serve("tiny", FILES)
    server.always[URL] = Fault(slow_s=0.02)
    lab.fetch(model)
    assert lab.installed(model) == FILES
    assert len(server.ranges(URL)) == 5 and "bytes=65536-131071" in server.ranges(URL)
    assert server.most_at_once >= 2 and len(server.connections) <= QUICK.parallel


def test_second_fetch_asks_the_server_for_nothing(lab: Lab, server: FileServer) -> None:
    model = lab.serve("tiny", FILES)
    lab.fetch(model)
    server.seen.clear()
    [again] = lab.fetch(model)
    assert again.already and server.seen == []


@pytest.mark.parametrize("sizes", [True, False])
@pytest.mark.parametrize(
    "faults",
    [
        [Fault(break_after=10_000)] * 2,
        [Fault(stall_after=20_000)],
        [Fault(slow_s=0.02, step=20)],
        [Fault(status=503), Fault(status=429, headers={"Retry-After": "0"})],
        [Fault(whole=True, break_after=70_000)],
        [Fault(), Fault(whole=True)],
    ],
    ids=["breaks off", "stalls", "trickles", "503 and 429", "ignores Range and breaks off", "ignores Range later"],
)
def test_passing_faults_cost_only_time(lab: Lab, server: FileServer, faults: list[Fault], sizes: bool) -> None:
    model = lab.serve("tiny", FILES, sizes=sizes)
    server.faults[URL] = list(faults)
    lab.fetch(model)
    assert lab.installed(model) == FILES


def test_server_that_always_ignores_range_serves_too(lab: Lab, server: FileServer) -> None:
    model = lab.serve("tiny", FILES, known=False)
    server.always[URL] = Fault(whole=True)
    server.faults[URL] = [Fault(whole=True, break_after=80_000)]
    lab.fetch(model)
    assert lab.installed(model) == FILES


@pytest.mark.parametrize("fault", [Fault(break_after=0), Fault(stall_after=0), Fault(status=500)])
def test_fault_that_stays_is_said_and_what_is_here_is_kept(lab: Lab, server: FileServer, fault: Fault) -> None:
    model = lab.serve("tiny", FILES)
    server.faults[URL] = [Fault(), *[fault] * 40]
    error = refused(lab, model, limits=QUICK)
    assert error.code == "model.not_fetched" and "big.safetensors" in str(error) and "goes on" in error.remedy
    assert lab.folder.state("tiny") is State.PARTIAL

    server.faults[URL].clear()
    server.seen.clear()
    lab.fetch(model)
    assert lab.installed(model) == FILES
    assert "bytes=0-65535" not in server.ranges(URL), "the first range was here"
    assert server.gets("/tiny/model_index.json") == []


def test_other_bytes_are_refused_and_not_kept(lab: Lab, server: FileServer) -> None:
    model = lab.serve("tiny", FILES)
    server.always[URL] = Fault(content=some_bytes(len(BIG), "other"))
    error = refused(lab, model)
    assert error.code == "model.differs"
    assert sha256(BIG) in str(error.allowed) and sha256(some_bytes(len(BIG), "other")) in str(error.seen)
    server.always.clear()
    lab.fetch(model)
    assert lab.installed(model) == FILES


def test_server_that_lies_about_the_size_is_refused_before_the_bytes_come(lab: Lab, server: FileServer) -> None:
    model = lab.serve("tiny", FILES)
    server.always[URL] = Fault(content=BIG + b"more")
    error = refused(lab, model)
    assert error.code == "model.differs" and error.seen == "300004 bytes" and error.allowed == "300000 bytes"


def test_changed_file_restarts_instead_of_mixing(lab: Lab, server: FileServer) -> None:
    model = lab.serve("tiny", FILES, known=False)
    server.faults[URL] = [Fault(), *[Fault(status=500)] * 40]
    refused(lab, model)
    new = some_bytes(len(BIG), "new version")
    server.files[URL] = new
    server.faults[URL].clear()
    lab.fetch(model)
    assert lab.installed(model) == {**FILES, "unet/big.safetensors": new}


def test_change_between_two_ranges_restarts_too(lab: Lab, server: FileServer) -> None:
    model = lab.serve("tiny", FILES, known=False)
    new = some_bytes(len(BIG), "new version")
    server.faults[URL] = [Fault(content=some_bytes(len(BIG), "old version"), headers={"ETag": '"old"'})]
    server.etags[URL] = '"new"'
    server.files[URL] = new
    lab.fetch(model)
    assert lab.installed(model)["unet/big.safetensors"] == new


def test_without_digest_and_version_nothing_is_resumed(lab: Lab, server: FileServer) -> None:
    model = lab.serve("tiny", FILES, known=False)
    server.etags[URL] = ""
    server.faults[URL] = [Fault(break_after=100_000)]
    lab.fetch(model)
    assert lab.installed(model) == FILES


def test_first_download_is_recorded_where_no_digest_is_public(lab: Lab) -> None:
    model = lab.serve("tiny", FILES, known=False)
    [done] = lab.fetch(model)
    record = lab.folder.record("tiny")
    assert done.first_recorded == tuple(FILES)
    assert record is not None and record.first_recorded == tuple(FILES)
    assert record.files["unet/big.safetensors"].sha256 == sha256(BIG)


def test_gated_repository_says_what_to_do(lab: Lab, server: FileServer, monkeypatch: pytest.MonkeyPatch) -> None:
    source = f'{{ huggingface = "lab/tiny", revision = "{"a" * 40}" }}'
    model = lab.serve("tiny", {"model.safetensors": BIG}, source=source, extra="gated = true")
    path = f"/lab/tiny/resolve/{'a' * 40}/model.safetensors"
    monkeypatch.setenv("HF_ENDPOINT", server.url)
    server.files[path] = BIG
    server.always[path] = Fault(status=401)
    error = refused(lab, model)
    assert error.code == "model.gated" and "HF_TOKEN" in error.remedy and error.seen == "refused without a token"
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    error = refused(lab, model)
    assert error.seen == "refused with the token of HF_TOKEN" and "hf_secret" not in str(error.info())


def test_token_does_not_follow_a_redirect_to_another_host(
    lab: Lab, server: FileServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = f'{{ huggingface = "lab/tiny", revision = "{"a" * 40}" }}'
    model = lab.serve("tiny", {"model.safetensors": BIG}, source=source)
    path = f"/lab/tiny/resolve/{'a' * 40}/model.safetensors"
    monkeypatch.setenv("HF_ENDPOINT", server.url)
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    with FileServer() as store:
        store.files["/blob"] = BIG
        server.always[path] = Fault(status=302, headers={"Location": f"{store.url}/blob", "X-Linked-ETag": '"x"'})
        lab.fetch(model)
        assert lab.installed(model) == {"model.safetensors": BIG}
        assert {one.headers.get("authorization") for one in server.gets(path)} == {"Bearer hf_secret"}
        assert store.gets("/blob") and all("authorization" not in one.headers for one in store.seen)


def test_digest_that_hugging_face_announces_is_compared(
    lab: Lab, server: FileServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = f'{{ huggingface = "lab/tiny", revision = "{"a" * 40}" }}'
    model = lab.serve("tiny", {"model.safetensors": BIG}, source=source, known=False)
    path = f"/lab/tiny/resolve/{'a' * 40}/model.safetensors"
    monkeypatch.setenv("HF_ENDPOINT", server.url)
    server.files["/blob"] = BIG
    server.always[path] = Fault(status=302, headers={"Location": "/blob", "X-Linked-ETag": f'"{sha256(b"other")}"'})
    assert refused(lab, model).code == "model.differs"


def test_licence_must_be_accepted_once(lab: Lab, server: FileServer) -> None:
    model = lab.serve("tiny", FILES)
    error = refused(lab, model, accepted=False)
    assert error.code == "model.licence" and "https://lab.test/licence" in str(error.seen)
    assert "Research only." in str(error.seen) and "--accept-licence" in error.remedy
    assert server.seen == []
    server.faults[URL] = [Fault(status=500)] * 40
    refused(lab, model)
    server.faults[URL].clear()
    lab.fetch(model, accepted=False)  # the acceptance of the interrupted download holds


def test_space_is_checked_before_the_download(lab: Lab, server: FileServer, monkeypatch: pytest.MonkeyPatch) -> None:
    one = lab.serve("tiny", FILES, sizes=False)
    two = lab.serve("other", {"model.safetensors": some_bytes(5 * 2**20)})
    monkeypatch.setattr(lab.folder, "free_bytes", lambda: folder_module.RESERVE_BYTES + 5 * 2**20)
    error = refused(lab, one, two)
    assert error.code == "model.no_space" and "5.3 MiB more" in str(error) and error.seen == "517.0 MiB are free"
    assert {seen.method for seen in server.seen} == {"HEAD"}, "only sizes were asked for"


def test_full_disk_keeps_what_came_and_says_so(
    tmp_path: Path, lab: Lab, server: FileServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folder_module, "RESERVE_BYTES", 0)
    with small_disk(tmp_path / "disk", 2) as disk:
        small = Lab(disk, server)
        model = small.serve("tiny", {"model.safetensors": some_bytes(4 * 2**20)}, sizes=False)
        monkeypatch.setattr(small.folder, "check_space", lambda *_: None)
        error = refused(small, model)
        assert error.code == "model.no_space" and "full" in str(error) and "gc" in error.remedy
        assert small.folder.state("tiny") is State.PARTIAL


def test_two_fetches_at_once_download_once(lab: Lab, server: FileServer) -> None:
    model = lab.serve("tiny", FILES)
    server.always[URL] = Fault(slow_s=0.02)
    results = []

    def run() -> None:
        results.append(Fetch(lab.folder, lab.said, "", QUICK, 1.0).run([model]))

    threads = [threading.Thread(target=run) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(done.already for [done] in results) == [False, True]
    assert len(server.gets(URL)) == 5
    assert "Another process is fetching tiny; this one waits for it." in lab.said.texts


@pytest.mark.parametrize("as_folder", [True, False])
def test_mirror_has_the_layout_of_a_folder_of_models(
    lab: Lab, server: FileServer, tmp_path: Path, as_folder: bool
) -> None:
    model = lab.serve("tiny", FILES)
    for path, content in FILES.items():
        (tmp_path / "mirror" / "tiny" / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "mirror" / "tiny" / path).write_bytes(content)
        server.files[f"/mirror/tiny/{path}"] = content
        del server.files[f"/tiny/{path}"]
    mirror = str(tmp_path / "mirror") if as_folder else f"{server.url}/mirror"
    lab.fetch(model, mirror=mirror)
    assert lab.installed(model) == FILES
    record = lab.folder.record("tiny")
    assert record is not None and record.source == mirror


def test_mirror_that_lacks_or_lies_is_refused(lab: Lab, tmp_path: Path) -> None:
    model = lab.serve("tiny", FILES)
    (tmp_path / "mirror" / "tiny" / "unet").mkdir(parents=True)
    assert refused(lab, model, mirror=str(tmp_path / "mirror")).code == "model.not_fetched"
    (tmp_path / "mirror" / "tiny" / "unet" / "big.safetensors").write_bytes(BIG[::-1])
    (tmp_path / "mirror" / "tiny" / "model_index.json").write_bytes(b"{}\n")
    assert refused(lab, model, mirror=str(tmp_path / "mirror")).code == "model.differs"
    assert refused(lab, model, mirror=str(tmp_path / "nowhere")).code == "settings.invalid"


def test_only_damaged_files_are_fetched_again(lab: Lab, server: FileServer) -> None:
    model = lab.serve("tiny", FILES)
    lab.fetch(model)
    (lab.folder.of("tiny") / "model_index.json").write_bytes(b"no\n")
    assert lab.folder.state("tiny") is State.DAMAGED
    server.seen.clear()
    lab.fetch(model)
    assert lab.installed(model) == FILES and lab.folder.state("tiny") is State.INSTALLED
    assert server.gets(URL) == [] and len(server.gets("/tiny/model_index.json")) == 1


def test_missing_file_at_the_source_is_said(lab: Lab, server: FileServer) -> None:
    model = lab.serve("tiny", FILES)
    del server.files[URL]
    error = refused(lab, model)
    assert error.code == "model.not_fetched" and "HTTP 404" in str(error) and server.url in error.where


def test_damaged_note_of_a_partial_file_costs_bytes_only(lab: Lab, server: FileServer) -> None:
    """The file is shorter than its note says, as after a power cut."""
    model = lab.serve("tiny", FILES)
    server.faults[URL] = [Fault(), *[Fault(status=500)] * 40]
    refused(lab, model)
    [partial] = lab.folder.partial("tiny").rglob("big.safetensors")
    os.truncate(partial, 1000)
    with PartialFile(partial) as again:
        assert again.bytes_here == 0
    server.faults[URL].clear()
    lab.fetch(model)
    assert lab.installed(model) == FILES


def test_password_of_a_mirror_is_used_and_never_shown(lab: Lab, server: FileServer) -> None:
    model = lab.serve("tiny", {"model_index.json": b"{}"})
    server.files["/tiny/model_index.json"] = b"{}"
    mirror = server.url.replace("//", "//reader:secret@")
    lab.fetch(model, mirror=mirror)
    assert server.gets("/tiny/model_index.json")[0].headers["authorization"].startswith("Basic ")
    record = lab.folder.record("tiny")
    assert record is not None and record.source == server.url

    other = lab.serve("other", {"model_index.json": b"{}"})
    server.always["/other/model_index.json"] = Fault(status=403)
    error = refused(lab, other, mirror=mirror)
    assert error.code == "model.not_fetched" and "asks for a login" in str(error)
    assert "secret" not in str(error.info())
    error = refused(lab, other, mirror="http://[broken")
    assert error.code == "model.not_fetched"


def test_file_of_a_mirror_is_never_written_to(lab: Lab, server: FileServer, tmp_path: Path) -> None:
    """A fetch from the mirror broke off and left a link to its file; then the source goes on, with another version."""
    model = lab.serve("tiny", FILES, known=False)
    mirrored = tmp_path / "mirror" / "tiny" / "unet" / "big.safetensors"
    mirrored.parent.mkdir(parents=True)
    old = some_bytes(len(BIG), "older version")
    mirrored.write_bytes(old)
    assert refused(lab, model, mirror=str(tmp_path / "mirror")).code == "model.not_fetched"
    lab.fetch(model)
    assert lab.installed(model) == FILES
    assert mirrored.read_bytes() == old


def test_files_that_the_catalogue_no_longer_names_are_left_out(lab: Lab, server: FileServer) -> None:
    before = lab.serve("tiny", {**FILES, "old.txt": b"old"})
    server.faults[URL] = [Fault(), *[Fault(status=500)] * 40]
    refused(lab, before)
    server.faults[URL].clear()
    lab.entries = lab.entries[: lab.entries.index("\n[models")]
    lab.fetch(lab.serve("tiny", FILES))
    assert {path.name for path in lab.folder.of("tiny").rglob("*") if path.is_file()} == {
        "big.safetensors",
        "model_index.json",
        "installed.json",
    }
