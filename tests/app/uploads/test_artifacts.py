"""Artifacts are served to permitted users through expiring links, and shown inline only if that is safe."""

from __future__ import annotations

import hashlib
import io
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from PIL import Image

from schemas.frame_index import FrameIndex
from schemas.refs import REF_TYPES, Ref
from tests.app.uploads.conftest import Post
from tests.app.uploads.media import picture, sound, video
from tests.numbered_clips import numbered_clip
from tests.store.samples import make_job, whole_run
from workbench.client.deployment import Deployment

pytestmark = pytest.mark.stack


def made(deployment: Deployment, folder: Path, data: bytes, kind: str, owner: str, **facts: str) -> Ref:
    """Store bytes as the output of a job of this owner."""
    (folder / "made").write_bytes(data)
    ref = REF_TYPES[kind].model_validate(
        {"sha256": hashlib.sha256(data).hexdigest(), "size_bytes": len(data), "kind": kind, **facts}
    )
    deployment.keep(folder / "made", ref)
    job = make_job(owner=owner)
    deployment.store.create(job)
    deployment.store.apply(whole_run(job.id, {"final": {"result": ref.model_dump(mode="json", by_alias=True)}}))
    return ref


def get(client: httpx.Client, url: str, user: str = "ann", role: str = "runner", **headers: str) -> httpx.Response:
    return client.get(url, headers={"x-user": f"{user}/{role}", **headers})


def test_an_upload_is_private_until_a_job_references_it(
    client: httpx.Client, post: Post, deployment: Deployment
) -> None:
    body = post(picture(size=(31, 31)), user="ann").json()
    assert get(client, body["url"], "ann").status_code == 307
    for user, role in (("bob", "runner"), ("bob", "viewer"), ("bob", "admin")):
        answer = get(client, body["url"], user, role)
        assert (answer.status_code, answer.json()["code"]) == (404, "artifact.unknown")
    job = make_job(owner="ann")
    job.graph.nodes[0].input = {"image": body["ref"]}
    deployment.store.create(job)
    assert get(client, body["url"], "bob", "viewer").status_code == 307
    assert get(client, body["url"], "bob").status_code == 404


def test_outputs_are_visible_to_users_who_may_see_the_job(
    client: httpx.Client, deployment: Deployment, tmp_path: Path
) -> None:
    ref = made(deployment, tmp_path, video(count=26), "video", "ann")
    url = f"/api/artifacts/{ref.sha256}"
    assert get(client, url, "ann").status_code == 307
    assert get(client, url, "bob", "admin").status_code == 307
    assert get(client, url, "bob").status_code == get(client, url + "/thumbnail", "bob").status_code == 404
    assert client.head(url, headers={"x-user": "bob"}).status_code == 404


@pytest.mark.parametrize("digest", ["0" * 64, "xyz", "A" * 64, "0" * 63, "0" * 64 + "%00"])
def test_an_invalid_digest_is_unknown(client: httpx.Client, digest: str) -> None:
    answer = get(client, f"/api/artifacts/{digest}")
    assert (answer.status_code, answer.json()["code"]) == (404, "artifact.unknown")


def test_the_link_expires_and_supports_ranges(client: httpx.Client, deployment: Deployment, post: Post) -> None:
    data = video(count=200, tone=True)
    body = post(data, "talk.mp4").json()
    answer = get(client, body["url"])
    link = answer.headers["location"]
    assert parse_qs(urlsplit(link).query)["X-Amz-Expires"] == ["300"]
    assert answer.headers["cache-control"] == "no-store"
    assert deployment.settings.s3_secret_key not in link
    whole = httpx.get(link)
    assert (whole.status_code, whole.headers["content-type"]) == (200, "video/mp4")
    assert whole.headers["content-disposition"] == "inline; filename*=UTF-8''talk.mp4"
    size = len(whole.content)
    some = httpx.get(link, headers={"Range": "bytes=100-199"})
    assert (some.status_code, some.content) == (206, whole.content[100:200])
    assert some.headers["content-range"] == f"bytes 100-199/{size}"
    last = httpx.get(link, headers={"Range": "bytes=-50"})
    assert (last.status_code, last.content) == (206, whole.content[-50:])
    rest = httpx.get(link, headers={"Range": f"bytes={size - 10}-"})
    assert (rest.status_code, rest.content) == (206, whole.content[-10:])
    assert httpx.get(link, headers={"Range": f"bytes={size + 5}-"}).status_code == 416
    assert httpx.get(link.replace("X-Amz-Expires=300", "X-Amz-Expires=30000")).status_code == 403
    assert httpx.get(urlsplit(link)._replace(query="").geturl()).status_code == 403


def test_head_sends_headers_without_a_body(client: httpx.Client, post: Post) -> None:
    body = post(picture(size=(33, 33)), "me.png").json()
    answer = client.head(body["url"])
    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["content-length"] == str(body["ref"]["sizeBytes"])
    assert answer.headers["content-type"] == "image/png" and answer.headers["accept-ranges"] == "bytes"
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_a_download_has_the_file_name(client: httpx.Client, post: Post) -> None:
    body = post(picture(size=(34, 34)), "Grüße.png").json()
    link = get(client, body["url"] + "?download=1").headers["location"]
    assert httpx.get(link).headers["content-disposition"] == "attachment; filename*=UTF-8''Gr%C3%BC%C3%9Fe.png"


HTML = b"<html><script>alert(1)</script></html>"


@pytest.mark.parametrize(
    ("kind", "media_type", "served", "shown"),
    [
        ("file", "text/html", "application/octet-stream", "attachment"),
        ("file", "image/svg+xml", "application/octet-stream", "attachment"),
        ("image", "image/svg+xml", "application/octet-stream", "attachment"),
        ("json", "application/json", "application/octet-stream", "attachment"),
        ("file", "text/html; image/png", "application/octet-stream", "attachment"),
        ("text", "text/plain", "text/plain; charset=utf-8", "inline"),
        ("image", "image/png", "image/png", "inline"),
    ],
)
def test_only_safe_media_types_are_shown_inline(
    client: httpx.Client, deployment: Deployment, tmp_path: Path, kind: str, media_type: str, served: str, shown: str
) -> None:
    data = HTML + f"{kind} {media_type}".encode()
    ref = made(deployment, tmp_path, data, kind, "ann", media_type=media_type, name="evil.html")
    found = client.get(f"/api/artifacts/{ref.sha256}", follow_redirects=True)
    assert found.headers["content-type"] == served
    assert found.headers["content-disposition"].split(";")[0] == shown


def test_a_client_on_another_machine_gets_the_bytes_through_the_app(client: httpx.Client, post: Post) -> None:
    """The embedded store listens only on loopback, so a link to it would not work."""
    body = post(picture(size=(36, 36)), "me.png").json()
    answer = get(client, body["url"], host="lab.example:7860", range="bytes=0-7")
    assert (answer.status_code, answer.content) == (206, b"\x89PNG\r\n\x1a\n")
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["content-disposition"] == "inline; filename*=UTF-8''me.png"


def test_thumbnails_are_small_cached_and_revalidated(client: httpx.Client, deployment: Deployment, post: Post) -> None:
    for data in (picture(size=(900, 600)), video(count=40, size=(320, 240))):
        body = post(data).json()
        first = get(client, body["url"] + "/thumbnail?size=100")
        assert (first.status_code, first.headers["content-type"]) == (200, "image/jpeg")
        assert first.headers["cache-control"].startswith("private")
        with Image.open(io.BytesIO(first.content)) as small:
            assert max(small.size) == 160
        deployment.inspector.close()  # the second request uses the cache
        deployment.__dict__.pop("inspector")
        again = get(client, body["url"] + "/thumbnail?size=100")
        assert again.content == first.content and deployment.inspector.pids() == []
        known = get(client, body["url"] + "/thumbnail?size=100", **{"if-none-match": first.headers["etag"]})
        assert (known.status_code, known.content) == (304, b"")
        assert get(client, body["url"] + "/thumbnail?size=5000").status_code == 422


def test_audio_has_no_thumbnail(client: httpx.Client, post: Post) -> None:
    body = post(sound("flac", "flac")).json()
    answer = get(client, body["url"] + "/thumbnail")
    assert (answer.status_code, answer.json()["code"]) == (404, "artifact.no_thumbnail")


def test_the_folder_of_thumbnails_is_bounded(tmp_path: Path) -> None:
    import os

    from workbench.client.media.bounded_folder import keep_bounded

    for name, age in (("old", 100), ("new", 1)):
        (tmp_path / f"{name}.jpg").write_bytes(bytes(600))
        os.utime(tmp_path / f"{name}.jpg", (1_700_000_000 - age,) * 2)
    keep_bounded(tmp_path, 1000)
    assert [path.name for path in tmp_path.iterdir()] == ["new.jpg"]


def test_a_waveform_is_measured_once_and_kept(client: httpx.Client, post: Post, deployment: Deployment) -> None:
    body = post(sound("flac", "flac"), user="ann").json()
    url = f"{body['url']}/waveform?points=600"
    answer = get(client, url)
    peaks = answer.json()["peaks"]
    assert (answer.status_code, len(peaks)) == (200, 600)
    assert all(0 <= peak <= 1 for peak in peaks) and max(peaks) > 0.01
    kept = deployment.settings.home / "cache" / "waveforms" / f"{body['ref']['sha256']}-600.json"
    kept.write_text("[0.5]")
    assert get(client, url).json()["peaks"] == [0.5]
    assert len(get(client, f"{body['url']}/waveform?points=601").json()["peaks"]) == 1200
    assert get(client, url, "bob").status_code == 404
    assert get(client, f"{body['url']}/waveform?points=0").status_code == 422
    picture_url = post(picture(), user="ann").json()["url"]
    refused = get(client, f"{picture_url}/waveform")
    assert (refused.status_code, refused.json()["code"]) == (404, "artifact.no_waveform")


def test_the_frames_of_a_video_are_found_in_the_bytes_that_a_browser_gets(
    client: httpx.Client, deployment: Deployment, post: Post
) -> None:
    body = post(video(count=60, tone=True), "talk.mp4").json()
    first = get(client, body["url"] + "/frames")
    assert first.status_code == 200 and first.headers["content-type"] == "application/json"
    index = FrameIndex.model_validate_json(first.content)
    assert index.sha256 == body["ref"]["sha256"] and index.audio and len(index.offsets) == 60
    link = get(client, body["url"]).headers["location"]
    at, size = index.offsets[7], index.sizes[7]
    packet = httpx.get(link, headers={"Range": f"bytes={at}-{at + size - 1}"}).content
    assert len(packet) == size and int.from_bytes(packet[:4]) <= size - 4
    (cached,) = (deployment.settings.home / "cache" / "frames").glob(f"{index.sha256}.json")
    written = cached.stat().st_ino
    assert get(client, body["url"] + "/frames").content == first.content and cached.stat().st_ino == written
    assert get(client, body["url"] + "/frames", "bob").status_code == 404


def test_a_video_that_a_browser_only_saves_has_the_frames_of_its_signed_copy(
    client: httpx.Client, deployment: Deployment, tmp_path: Path
) -> None:
    clip = numbered_clip(tmp_path / "a.mov").read_bytes()
    ref = made(deployment, tmp_path, clip, "video", "ann", media_type="video/quicktime")
    url = f"/api/artifacts/{ref.sha256}"
    index = FrameIndex.model_validate_json(get(client, url + "/frames").content)
    answer = get(client, url)
    assert answer.status_code == 200 and hashlib.sha256(answer.content).hexdigest() == index.sha256 != ref.sha256
    assert answer.content[index.offsets[3] : index.offsets[3] + index.sizes[3]] in clip


def test_files_without_frames_have_no_index(client: httpx.Client, deployment: Deployment, tmp_path: Path) -> None:
    image = made(deployment, tmp_path, picture(size=(35, 35)), "image", "ann", media_type="image/png")
    old = numbered_clip(tmp_path / "old.mp4", "mpeg4", frames=3).read_bytes()
    cut = numbered_clip(tmp_path / "cut.mp4", container={"movflags": "faststart"}).read_bytes()[:-900]
    for ref, status, code, word in (
        (image, 404, "artifact.no_frames", "image"),
        (made(deployment, tmp_path, old, "video", "ann", media_type="video/mp4"), 404, "artifact.no_frames", "mpeg4"),
        (made(deployment, tmp_path, cut, "video", "ann", media_type="video/mp4"), 422, "upload.unreadable", "frame"),
    ):
        answer = get(client, f"/api/artifacts/{ref.sha256}/frames")
        assert (answer.status_code, answer.json()["code"]) == (status, code) and word in answer.text
