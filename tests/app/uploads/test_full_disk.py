"""A full disk: the answer reports it, no partial file stays, and uploads work again with space."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from schemas.errors import WorkbenchError
from tests.app.uploads.conftest import Named, deployment_at, served
from tests.app.uploads.media import wav
from tests.faults.test_disk_full import fill, small_disk
from workbench.app.server import create_app
from workbench.client.deployment import Deployment
from workbench.client.uploads import store_file

pytestmark = pytest.mark.stack


@pytest.fixture
def small(s3: dict[str, str], tmp_path: Path) -> Iterator[tuple[Deployment, str, Path]]:
    """A deployment with all files on a disk of eight megabytes, its app's address, and the disk."""
    (tmp_path / "small").mkdir()
    with small_disk(tmp_path / "small", 8) as disk:
        deployment = deployment_at(disk, s3)
        app = create_app(deployment, pages=False)
        app.add_middleware(Named)
        deployment.store.epoch()  # create the database before the disk is full
        with served(app) as address:
            yield deployment, address, disk
        deployment.close()
        deployment.store.close()


def upload(address: str, seconds: float) -> httpx.Response:
    return httpx.post(f"{address}/api/uploads", files={"file": ("a.wav", wav(seconds, 48_000))}, timeout=90)


def test_a_file_without_space_gets_status_507(small: tuple[Deployment, str, Path]) -> None:
    deployment, address, _ = small
    # 9.6 MB do not fit; 5 MB fit, but the decoded file does not fit as well
    for seconds in (100.0, 52.0):
        answer = upload(address, seconds)
        assert (answer.status_code, answer.json()["code"]) == (507, "home.disk_full"), answer.text
        assert answer.json()["details"]["remedy"]
        assert list((deployment.settings.home / "incoming").iterdir()) == []
    assert upload(address, 1.0).status_code == 201


def test_a_full_client_cache_is_reported(small: tuple[Deployment, str, Path], tmp_path: Path) -> None:
    deployment, _, disk = small
    (tmp_path / "a.wav").write_bytes(wav(10.0, 48_000))
    filled = fill(disk)
    with pytest.raises(WorkbenchError) as caught:
        store_file(deployment, tmp_path / "a.wav", "audio")
    assert caught.value.code == "home.disk_full"
    filled.unlink()
    assert store_file(deployment, tmp_path / "a.wav", "audio")[0].kind == "audio"
    assert (tmp_path / "a.wav").exists()
