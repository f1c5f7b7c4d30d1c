"""A bundle that is not exactly what its exporter signed is refused, and nothing of it is stored."""

from __future__ import annotations

import hashlib
import io
import json
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from schemas.errors import WorkbenchError
from tests.live import LiveDeployment
from workbench.client.bundles import archive
from workbench.client.bundles.importing import import_bundle
from workbench.client.bundles.sealing import seal
from workbench.client.delivery.issuer import issuer
from workbench.client.deployment import Deployment
from workbench.store.listing import JobFilter

Files = dict[str, bytes]


def read(bundle: Path) -> Files:
    with zipfile.ZipFile(bundle) as opened:
        return {name: opened.read(name) for name in opened.namelist()}


def write(
    target: Path, files: Files, *more: tuple[zipfile.ZipInfo | str, bytes], how: int = zipfile.ZIP_STORED
) -> Path:
    with zipfile.ZipFile(target, "w", how) as made:
        for name, content in files.items():
            made.writestr(name, content)
        for entry, content in more:
            made.writestr(entry, content)
    return target


def signed(files: Files, live: LiveDeployment, change: Callable[[dict[str, Any]], None] = lambda _: None) -> Files:
    """The files with digests and a signature that hold, as a malicious issuer would write them."""
    manifest = json.loads(files["manifest.json"])
    for one in manifest["files"]:
        if one["path"] in files:
            content = files[one["path"]]
            one["sha256"], one["sizeBytes"] = hashlib.sha256(content).hexdigest(), len(content)
    change(manifest)
    content = json.dumps(manifest).encode()
    seal_ = seal(content, issuer(live.settings)).to_json()
    return files | {"manifest.json": content, "signature.json": seal_}


def refused(deployment: Deployment, file: Path) -> str:
    """The code of the refusal. Nothing may have been stored."""
    before = deployment.store.list(JobFilter(limit=1)).total
    with pytest.raises(WorkbenchError) as caught:
        import_bundle(deployment, file)
    assert deployment.store.list(JobFilter(limit=1)).total == before
    assert caught.value.remedy
    return caught.value.code


def test_a_changed_missing_or_added_file_is_refused(live: LiveDeployment, bundle: Path, tmp_path: Path) -> None:
    files, target = read(bundle), tmp_path / "changed.zip"
    artifact = next(name for name in files if name.startswith("artifacts/"))
    content = bytearray(files[artifact])
    content[0] ^= 1
    assert refused(live.deployment, write(target, files | {artifact: bytes(content)})) == "bundle.altered"
    assert refused(live.deployment, write(target, files | {artifact: files[artifact] + b"x"})) == "bundle.altered"
    assert refused(live.deployment, write(target, files | {"more.txt": b"x"})) == "bundle.altered"
    del files[artifact]
    assert refused(live.deployment, write(target, files)) == "bundle.altered"


def test_a_wrong_digest_of_an_artifact_is_refused_though_the_signature_holds(
    live: LiveDeployment, bundle: Path, tmp_path: Path
) -> None:
    files = read(bundle)
    artifact = next(name for name in files if name.startswith("artifacts/"))
    forged = signed(files | {artifact: b"something else"}, live)
    assert refused(live.deployment, write(tmp_path / "forged.zip", forged)) == "bundle.altered"


def test_a_signature_that_is_missing_or_of_other_bytes_is_refused(
    live: LiveDeployment, bundle: Path, tmp_path: Path
) -> None:
    files, target = read(bundle), tmp_path / "unsigned.zip"
    changed = files["manifest.json"].replace(b'"title"', b' "title"')
    assert refused(live.deployment, write(target, files | {"manifest.json": changed})) == "bundle.signature"
    other = json.loads(files["signature.json"]) | {"signature": "AAAA"}
    assert refused(live.deployment, write(target, files | {"signature.json": json.dumps(other).encode()})) == (
        "bundle.signature"
    )
    del files["signature.json"]
    assert refused(live.deployment, write(target, files)) == "bundle.signature"


@pytest.mark.parametrize(
    "name", ["../out", "/etc/out", "a/../../out", "a//b", "./a", "C:out", "a\\b", "a\nb", "x" * 400, "folder/"]
)
def test_a_name_that_leads_elsewhere_is_refused(live: LiveDeployment, bundle: Path, tmp_path: Path, name: str) -> None:
    target = write(tmp_path / "names.zip", read(bundle), (name, b""))
    assert refused(live.deployment, target) == "bundle.unreadable"
    assert not (tmp_path.parent / "out").exists()


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_duplicates_links_and_compressed_files_are_refused(live: LiveDeployment, bundle: Path, tmp_path: Path) -> None:
    files, target = read(bundle), tmp_path / "odd.zip"
    assert refused(live.deployment, write(target, files, ("manifest.json", b"{}"))) == "bundle.unreadable"
    assert refused(live.deployment, write(target, files, ("MANIFEST.json", b"{}"))) == "bundle.unreadable"
    link = zipfile.ZipInfo("link")
    link.external_attr = 0o120777 << 16
    assert refused(live.deployment, write(target, files, (link, b"/etc/passwd"))) == "bundle.unreadable"
    bomb = files | {"bomb": bytes(50_000_000)}
    assert refused(live.deployment, write(target, bomb, how=zipfile.ZIP_DEFLATED)) == "bundle.unreadable"


def test_sizes_that_are_not_true_are_refused(live: LiveDeployment, bundle: Path, tmp_path: Path) -> None:
    content, target = bytearray(bundle.read_bytes()), tmp_path / "sizes.zip"
    with zipfile.ZipFile(io.BytesIO(content)) as opened:
        start = opened.start_dir
    huge = 3_000_000_000
    struct.pack_into("<II", content, start + 20, huge, huge)  # sizes of the first entry of the directory
    target.write_bytes(content)
    assert refused(live.deployment, target) == "bundle.too_large"


def test_too_many_files_are_refused(
    live: LiveDeployment, bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archive, "MAX_FILES", 3)
    assert refused(live.deployment, bundle) == "bundle.too_large"


def test_other_files_and_unknown_versions_are_refused(live: LiveDeployment, bundle: Path, tmp_path: Path) -> None:
    files, target = read(bundle), tmp_path / "other.zip"
    target.write_bytes(b"no zip")
    assert refused(live.deployment, target) == "bundle.unreadable"
    assert refused(live.deployment, tmp_path / "nothing.zip") == "bundle.unreadable"
    assert refused(live.deployment, write(target, {"a": b"b"})) == "bundle.unreadable"
    assert refused(live.deployment, write(target, files | {"manifest.json": b"[]"})) == "bundle.unreadable"
    newer = signed(files, live, lambda manifest: manifest.update(version=2))
    assert refused(live.deployment, write(target, newer)) == "bundle.unknown_version"
    unknown = signed(files, live, lambda manifest: manifest.update(surprise=1))
    assert refused(live.deployment, write(target, unknown)) == "bundle.unreadable"
    target.write_bytes(bundle.read_bytes()[:-30])
    assert refused(live.deployment, target) == "bundle.unreadable"


def test_a_record_that_tells_of_another_graph_is_refused(live: LiveDeployment, bundle: Path, tmp_path: Path) -> None:
    files = read(bundle)
    path = next(name for name in files if name.endswith("graph.json"))
    other = json.loads(files[path])
    other["nodes"][0]["params"] = {}
    forged = signed(files | {path: json.dumps(other).encode()}, live)
    assert refused(live.deployment, write(tmp_path / "forged.zip", forged)) == "bundle.unreadable"
