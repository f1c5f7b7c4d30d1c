"""The object store: bytes come back unchanged, or an error is raised."""

from __future__ import annotations

import hashlib
import http.server
import io
import os
import socket
import threading
import urllib.error
import urllib.request
import uuid
from pathlib import Path

import pytest
from minio import Minio

from schemas.errors import WorkbenchError
from schemas.refs import FileRef, VideoRef
from workbench.settings import Settings, load_settings
from workbench.store.objects import Objects, object_key

pytestmark = pytest.mark.stack


@pytest.fixture
def settings(s3: dict[str, str]) -> Settings:
    return load_settings(
        **s3, s3_bucket=f"t-{uuid.uuid4().hex[:12]}"
    )  # the bucket does not exist yet: the first put creates it


@pytest.fixture
def objects(settings: Settings) -> Objects:
    return Objects.connect(settings)


@pytest.fixture
def raw(settings: Settings) -> Minio:
    """Direct access to the same store."""
    host = settings.s3_url.removeprefix("http://")
    return Minio(host, settings.s3_access_key, settings.s3_secret_key, secure=False, region=settings.s3_region)


def random_file(folder: Path, size: int) -> tuple[Path, FileRef]:
    data = os.urandom(size)
    path = folder / uuid.uuid4().hex
    path.write_bytes(data)
    return path, FileRef(sha256=hashlib.sha256(data).hexdigest(), size_bytes=size)


@pytest.mark.parametrize("size", [0, 1, 300_000, 60_000_000])
def test_bytes_come_back_unchanged(objects: Objects, tmp_path: Path, size: int) -> None:
    path, ref = random_file(tmp_path, size)
    assert objects.put(path, ref)
    objects.get(ref, tmp_path / "deep" / "copy")
    assert (tmp_path / "deep" / "copy").read_bytes() == path.read_bytes()
    facts = objects.stat(ref.sha256)
    assert facts is not None
    assert (facts.size_bytes, facts.sha256) == (size, ref.sha256)


def test_stored_bytes_are_not_sent_again(objects: Objects, tmp_path: Path) -> None:
    path, ref = random_file(tmp_path, 300_000)
    assert objects.put(path, ref)
    assert not objects.put(path, ref)


def test_concurrent_puts_of_the_same_bytes_create_one_object(objects: Objects, tmp_path: Path) -> None:
    path, ref = random_file(tmp_path, 300_000)
    faults: list[BaseException] = []
    together = threading.Barrier(8)

    def put() -> None:
        together.wait()
        try:
            objects.put(path, ref)
        except BaseException as fault:
            faults.append(fault)

    threads = [threading.Thread(target=put) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert faults == []
    assert [facts.sha256 for facts in objects.stored()] == [ref.sha256]
    objects.get(ref, tmp_path / "copy")


def test_a_file_that_does_not_match_its_digest_is_refused(objects: Objects, tmp_path: Path) -> None:
    path, ref = random_file(tmp_path, 1000)
    path.write_bytes(os.urandom(1000))
    with pytest.raises(WorkbenchError) as refused:
        objects.put(path, ref)
    assert refused.value.code == "store.corrupt"
    assert not objects.has(ref.sha256)


@pytest.mark.parametrize("garbage", [b"x" * 300_000, b"short"])
def test_garbage_in_the_store_is_detected_and_replaced_by_the_next_put(
    objects: Objects, raw: Minio, settings: Settings, tmp_path: Path, garbage: bytes
) -> None:
    path, ref = random_file(tmp_path, 300_000)
    objects.put(path, ref)
    raw.put_object(
        settings.s3_bucket, object_key(ref.sha256), io.BytesIO(garbage), len(garbage), metadata={"sha256": ref.sha256}
    )
    with pytest.raises(WorkbenchError) as noticed:
        objects.get(ref, tmp_path / "copy")
    assert noticed.value.code == "store.corrupt"
    assert not (tmp_path / "copy").exists()
    assert [left.name for left in tmp_path.iterdir()] == [path.name]  # no partial file remains
    assert objects.put(path, ref)
    objects.get(ref, tmp_path / "copy")


def test_an_absent_object_is_reported_as_missing(objects: Objects, tmp_path: Path) -> None:
    path, ref = random_file(tmp_path, 10)
    objects.put(path, ref)
    gone = "0" * 64
    with pytest.raises(WorkbenchError) as missing:
        objects.get(FileRef(sha256=gone), tmp_path / "copy")
    assert missing.value.code == "store.missing"
    lost = FileRef(sha256=gone)
    assert objects.missing([lost, ref, lost]) == [lost]
    assert objects.has_all([ref]) and not objects.has_all([ref, lost])
    objects.delete(ref.sha256)
    assert not objects.has(ref.sha256)
    objects.delete(ref.sha256)


def test_a_closed_port_is_reported_after_a_few_attempts(s3: dict[str, str], tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    objects = Objects.connect(load_settings(**{**s3, "s3_url": f"http://127.0.0.1:{port}"}))
    with pytest.raises(WorkbenchError) as caught:
        objects.put(*random_file(tmp_path, 10))
    assert caught.value.code == "store.unreachable"
    assert "attempt 5" in str(caught.value.seen)


class UnreliableServer(http.server.BaseHTTPRequestHandler):
    """Drops the first connection, is too busy for the second request, and answers the third with 404."""

    def do_HEAD(self) -> None:
        asked = self.server.asked  # type: ignore[attr-defined]
        asked.append(self.path)
        if len(asked) > 1:
            self.send_response(503 if len(asked) == 2 else 404)
            self.end_headers()

    def log_message(self, *args: object) -> None:
        pass


def test_requests_to_an_unreliable_store_are_retried() -> None:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), UnreliableServer) as server:
        server.asked = []  # type: ignore[attr-defined]
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        url = f"http://127.0.0.1:{server.server_port}"
        there = Objects.connect(Settings(s3_url=url, s3_access_key="a", s3_secret_key="b")).has("0" * 64)
        server.shutdown()
        thread.join()
    assert not there
    assert len(server.asked) == 3  # type: ignore[attr-defined]


def test_wrong_keys_are_refused_at_once(s3: dict[str, str]) -> None:
    objects = Objects.connect(load_settings(**{**s3, "s3_secret_key": "not the key"}))
    with pytest.raises(WorkbenchError) as caught:
        objects.has("0" * 64)
    assert caught.value.code == "store.refused"


def test_a_missing_url_names_the_setting() -> None:
    with pytest.raises(WorkbenchError) as caught:
        Objects.connect(Settings(s3_url=""))
    assert (caught.value.code, caught.value.where) == ("settings.invalid", "WORKBENCH_S3_URL")


def test_a_presigned_link_plays_inline_and_has_a_file_name(objects: Objects, tmp_path: Path) -> None:
    path, ref = random_file(tmp_path, 1000)
    video = VideoRef(sha256=ref.sha256, size_bytes=1000)
    objects.put(path, video)
    request = urllib.request.Request(objects.presign(ref.sha256, 60, "Zürich.mp4"), headers={"Range": "bytes=10-19"})
    with urllib.request.urlopen(request) as answer:
        assert answer.status == 206
        assert answer.read() == path.read_bytes()[10:20]
        assert answer.headers["content-type"] == "video/mp4"
        assert answer.headers["content-disposition"] == "inline; filename*=UTF-8''Z%C3%BCrich.mp4"
    with pytest.raises(urllib.error.HTTPError):
        urllib.request.urlopen(objects.presign(ref.sha256).partition("?")[0])  # the bucket is private


def test_a_copy_within_the_store_keeps_its_media_type(
    objects: Objects, raw: Minio, settings: Settings, tmp_path: Path
) -> None:
    path, ref = random_file(tmp_path, 300_000)
    objects.put(path, VideoRef(sha256=ref.sha256, size_bytes=300_000))
    objects.copy_to(ref.sha256, settings.s3_bucket, "mlflow/1/run/artifacts/final.mp4")
    assert raw.stat_object(settings.s3_bucket, "mlflow/1/run/artifacts/final.mp4").content_type == "video/mp4"


def test_previews_are_replaced_read_and_removed_with_their_job(objects: Objects) -> None:
    objects.ensure_bucket()
    key = objects.put_preview("job1", "video", b"one", "image/jpeg")
    assert objects.put_preview("job1", "video", b"two", "image/jpeg") == key
    objects.put_preview("job2", "video", b"other", "image/jpeg")
    assert objects.get_preview(key) == (b"two", "image/jpeg")
    assert objects.delete_previews("job1") == 1
    with pytest.raises(WorkbenchError) as gone:
        objects.get_preview(key)
    assert gone.value.code == "store.missing"
    with pytest.raises(WorkbenchError):
        objects.get_preview(object_key("0" * 64))  # previews are open to anyone who sees the job; artifacts are not
    assert objects.stored() == []
