"""Signing and verifying files without a stack: keys, certificates, alterations, other issuers."""

from __future__ import annotations

import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from schemas.delivery import SignatureState
from schemas.errors import WorkbenchError
from schemas.refs import VideoRef
from tests.store.media import write_clip
from workbench.client.delivery.issuer import CERTIFICATE_FILE, ISSUER_FILE, issuer
from workbench.client.delivery.manifest import manifest, statement
from workbench.client.delivery.signature import write_signed
from workbench.client.delivery.verify import verify
from workbench.settings import Settings

REF = VideoRef(sha256="ab" * 32, name="clip.mp4")


@pytest.fixture
def home(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path / "home")


@pytest.fixture
def signed(home: Settings, tmp_path: Path) -> Path:
    """A clip that the home signed."""
    file = tmp_path / "signed.mp4"
    clip = write_clip(tmp_path / "clip.mp4", 0.2)
    write_signed(clip, file, "video/mp4", manifest(REF, statement(REF, None)), issuer(home))
    return file


def test_the_signature_of_this_home_holds_without_a_stack(signed: Path, home: Settings) -> None:
    found = verify(signed, home)
    assert (found.state, found.problems, found.looked_up) == (SignatureState.TRUSTED, [], False)
    assert found.source_type is not None and found.source_type.endswith("/trainedAlgorithmicMedia")
    assert found.statement is not None and found.statement.artifact == REF.sha256


def test_the_issuer_of_another_home_is_unknown_until_its_certificate_is_given(
    signed: Path, home: Settings, tmp_path: Path
) -> None:
    other = Settings(home=tmp_path / "other")
    issuer(other)
    assert verify(signed, other).state is SignatureState.OTHER_ISSUER
    certificate = (home.home / CERTIFICATE_FILE).read_text()
    assert "PRIVATE" not in certificate
    assert verify(signed, other, issuers=certificate).state is SignatureState.TRUSTED


@pytest.mark.parametrize("place", ["picture", "manifest", "end"])
def test_a_changed_byte_shows(signed: Path, home: Settings, place: str) -> None:
    content = bytearray(signed.read_bytes())
    at = {"picture": content.find(b"mdat") + 200, "manifest": content.find(REF.sha256.encode()), "end": -1}[place]
    content[at] ^= 1
    signed.write_bytes(content)
    found = verify(signed, home)
    assert found.state is SignatureState.ALTERED and found.problems


def test_a_cut_file_and_one_without_a_manifest_are_told_apart(signed: Path, home: Settings, tmp_path: Path) -> None:
    signed.write_bytes(signed.read_bytes()[:-500])
    assert verify(signed, home).state is SignatureState.ALTERED
    for name, content in (("text.txt", b"words"), ("empty.mp4", b"")):
        (tmp_path / name).write_bytes(content)
        assert verify(tmp_path / name, home).state is SignatureState.UNSIGNED
    with pytest.raises(WorkbenchError) as caught:
        verify(tmp_path / "nothing.mp4", home)
    assert caught.value.code == "node.bad_input"


def test_processes_that_start_together_make_one_private_key(home: Settings) -> None:
    with ThreadPoolExecutor(8) as threads:
        found = {one.fingerprint for one in threads.map(lambda _: issuer(home), range(8))}
    assert len(found) == 1
    assert stat.S_IMODE((home.home / ISSUER_FILE).stat().st_mode) == 0o600
    assert sorted(path.name for path in home.home.iterdir()) == [CERTIFICATE_FILE, ISSUER_FILE]


def test_a_key_and_a_certificate_may_be_given(signed: Path, home: Settings, tmp_path: Path) -> None:
    files = {"signing_key": str(home.home / ISSUER_FILE), "signing_certificate": str(home.home / CERTIFICATE_FILE)}
    elsewhere = Settings(home=tmp_path / "elsewhere", **files)
    assert issuer(elsewhere) == issuer(home) and verify(signed, elsewhere).state is SignatureState.TRUSTED
    assert not elsewhere.home.exists()
    other = Settings(home=tmp_path / "other")
    issuer(other)
    for wrong in ({"signing_certificate": ""}, {"signing_key": str(other.home / ISSUER_FILE)}):
        with pytest.raises(WorkbenchError) as caught:
            issuer(elsewhere.model_copy(update=wrong))
        assert caught.value.code == "settings.invalid"
