"""Accepted uploads: detected by their bytes, stored as decoded, answered with properties and warnings."""

from __future__ import annotations

import hashlib
import io
from pathlib import Path

import httpx
import numpy as np
import pytest
from PIL import Image

from nodes._samples import sample_portrait
from tests.app.uploads.conftest import Post
from tests.app.uploads.media import av1, frames, picture, recorded, sound, video, wav
from tests.nodes.portraits import packaged
from workbench.client.deployment import Deployment
from workbench.metrics import REGISTRY

pytestmark = pytest.mark.stack


def stored(client: httpx.Client, answer: dict, user: str = "ann") -> bytes:
    found = client.get(answer["url"], follow_redirects=True, headers={"x-user": user})
    assert found.status_code == 200, found.text
    assert hashlib.sha256(found.content).hexdigest() == answer["ref"]["sha256"]
    return found.content


ACCEPTED = {
    "png": (lambda: picture(), "image", "image/png"),
    "jpeg": (lambda: picture("JPEG"), "image", "image/jpeg"),
    "webp": (lambda: picture("WEBP"), "image", "image/png"),
    "wav": (lambda: wav(), "audio", "audio/wav"),
    "flac": (lambda: sound("flac", "flac"), "audio", "audio/wav"),
    "mp3": (lambda: sound("libmp3lame", "mp3"), "audio", "audio/wav"),
    "ogg": (lambda: sound("libopus", "ogg"), "audio", "audio/wav"),
    "m4a": (lambda: sound("aac", "ipod"), "audio", "audio/wav"),
    "aac": (lambda: sound("aac", "adts"), "audio", "audio/wav"),
    "webm": (lambda: sound("libopus", "webm"), "audio", "audio/wav"),
    "mp4": (lambda: video(), "video", "video/mp4"),
    "vp8": (lambda: video("libvpx", "webm"), "video", "video/webm"),
    "vp9": (lambda: video("libvpx-vp9", "webm"), "video", "video/webm"),
    "av1": (lambda: av1(), "video", "video/mp4"),
}


@pytest.mark.parametrize("name", ACCEPTED)
def test_a_file_is_accepted_regardless_of_its_name(name: str, post: Post, client: httpx.Client) -> None:
    make, kind, media_type = ACCEPTED[name]
    data = make()
    answer = post(data, "something.exe")
    assert answer.status_code == 201, answer.text
    body = answer.json()
    assert (body["kind"], body["ref"]["kind"], body["ref"]["mediaType"]) == (kind, kind, media_type)
    assert body["ref"]["name"].startswith("something.") and not body["ref"]["name"].endswith("exe")
    assert stored(client, body)
    again = post(data, "another.bin").json()
    assert again["ref"]["sha256"] == body["ref"]["sha256"]  # the same upload, the same bytes
    if kind != "image":
        assert body["ref"]["durationS"] == pytest.approx(2.0 if kind == "video" else 1.0, abs=0.08)


@pytest.mark.parametrize(("codec", "kind"), [("libopus", "audio"), ("libvpx", "video")])
def test_a_browser_recording_without_a_length_is_measured(post: Post, codec: str, kind: str) -> None:
    body = post(recorded(codec)).json()
    assert body["kind"] == kind, body
    assert body["ref"]["durationS"] == pytest.approx(2.0, abs=0.1)
    if kind == "video":
        assert 12 <= body["ref"]["fps"] <= 30


def test_locations_are_removed_and_the_image_is_upright(post: Post, client: httpx.Client) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # rotate by 90 degrees
    exif[0x010F] = "CameraOfAnn"
    exif.get_ifd(0x8825)[2] = (48.0, 51.0, 29.0)
    body = post(picture("JPEG", (64, 48), exif=exif)).json()
    assert (body["ref"]["width"], body["ref"]["height"]) == (48, 64)
    data = stored(client, body)
    assert b"CameraOfAnn" not in data and b"Exif" not in data
    with Image.open(io.BytesIO(data)) as image:
        assert image.size == (48, 64) and not image.getexif()


def test_metadata_of_a_video_is_removed(post: Post, client: httpx.Client) -> None:
    data = video("libx264", "mp4", 25, tone=True, title="secret-title", location="+48.8577+002.295/")
    assert b"secret-title" in data
    body = post(data).json()
    assert body["facts"]["audioCodec"] == "aac"
    kept = stored(client, body)
    assert b"secret-title" not in kept and b"48.8577" not in kept


def test_pixels_of_a_png_are_kept_exactly(post: Post, client: httpx.Client) -> None:
    original = picture()
    kept = stored(client, post(original).json())
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(original))), np.asarray(Image.open(io.BytesIO(kept))))


def test_transparency_and_sixteen_bit_images_are_supported(post: Post, client: httpx.Client) -> None:
    out = io.BytesIO()
    Image.new("RGBA", (8, 8), (200, 10, 10, 100)).save(out, format="PNG")
    assert Image.open(io.BytesIO(stored(client, post(out.getvalue()).json()))).getpixel((0, 0)) == (200, 10, 10, 100)
    deep = io.BytesIO()
    Image.fromarray(np.full((8, 8), 0x8000, np.uint16)).save(deep, format="PNG")
    assert Image.open(io.BytesIO(stored(client, post(deep.getvalue()).json()))).getpixel((0, 0)) == (128, 128, 128)


@pytest.mark.parametrize("format_name", ["WEBP", "PNG"])
def test_the_first_frame_of_an_animation_is_used_with_a_warning(post: Post, format_name: str) -> None:
    body = post(frames(format_name)).json()
    assert "picture.animated" in [warning["code"] for warning in body["warnings"]]


# Faces


def portrait(folder: Path) -> Image.Image:
    return Image.open(sample_portrait(folder)).convert("RGB")


def as_png(image: Image.Image) -> bytes:
    out = io.BytesIO()
    image.save(out, format="PNG")
    return out.getvalue()


def codes(answer: httpx.Response) -> list[str]:
    return [warning["code"] for warning in answer.json()["warnings"]]


@pytest.mark.models
def test_the_sample_has_one_face_and_no_warnings(client: httpx.Client) -> None:
    before = client.get("/api/uploads/sample")
    assert (before.status_code, before.json()["code"]) == (405, "request.method"), "reading stores nothing"
    answer = client.post("/api/uploads/sample")
    body = answer.json()
    assert answer.status_code == 201
    assert len(body["faces"]) == 1 and body["warnings"] == []
    face = body["faces"][0]
    assert 0 < face["left"] < face["right"] < 512 and 0 < face["top"] < face["bottom"] < 512
    assert client.post("/api/uploads/sample").json()["ref"]["sha256"] == body["ref"]["sha256"]


@pytest.mark.models
def test_unsuitable_faces_give_warnings(post: Post, tmp_path: Path) -> None:
    whole = portrait(tmp_path)
    small = Image.new("RGB", (512, 512), (90, 90, 90))
    small.paste(whole.resize((220, 220)), (140, 140))
    two = Image.new("RGB", (1024, 512))
    two.paste(whole, (0, 0))
    two.paste(whole, (512, 0))
    blurred, smeared = (whole.resize((px, px)).resize(whole.size, Image.Resampling.BICUBIC) for px in (40, 24))
    assert "face.none" in codes(post(as_png(Image.new("RGB", (300, 300), (90, 120, 90)))))
    assert "face.small" in codes(post(as_png(small)))
    assert codes(post(as_png(two))) == ["face.several"]
    assert "face.cut" in codes(post(as_png(whole.crop((230, 100, 512, 400)))))
    assert codes(post(as_png(blurred))) == ["face.blurred"]
    assert codes(post(as_png(smeared))) == ["face.none"], "a face of 10 px is not recognised as one"
    tiny = post(as_png(whole.crop((100, 90, 410, 400)).resize((50, 50))))
    assert [w["level"] for w in tiny.json()["warnings"] if w["code"] in ("face.too_small", "face.none")] == ["error"]


@pytest.mark.models
@pytest.mark.parametrize(("turns", "words"), [(1, "on its side"), (2, "upside-down"), (3, "on its side")])
def test_a_photo_that_is_not_upright_is_stored_upright_and_said(
    turns: int, words: str, post: Post, client: httpx.Client, tmp_path: Path
) -> None:
    whole = portrait(tmp_path)
    answer = post(as_png(whole.rotate(90 * turns)))
    assert codes(answer) == ["picture.turned"] and words in answer.json()["warnings"][0]["message"]
    kept = np.asarray(Image.open(io.BytesIO(stored(client, answer.json()))))
    assert np.array_equal(kept, np.asarray(whole))
    assert answer.json()["ref"]["sha256"] == post(as_png(whole)).json()["ref"]["sha256"], (
        "so the same results are found"
    )
    (face,) = answer.json()["faces"]
    assert face["top"] < 200 < face["bottom"]


@pytest.mark.models
def test_animals_and_things_have_no_face(post: Post) -> None:
    for name in ("coffee.png", "chelsea.png"):
        answer = post(packaged(name).read_bytes())
        assert codes(answer) == ["face.none"] and answer.json()["faces"] == []


# Audio


def test_unsuitable_audio_gives_warnings(post: Post) -> None:
    speech = wav(4.0)
    assert codes(post(speech)) == []
    assert codes(post(wav(1.0))) == ["audio.short"]
    assert codes(post(wav(4.0, level=0.012))) == ["audio.quiet"]
    assert codes(post(wav(4.0, level=1.6))) == ["audio.clipped"]
    assert codes(post(wav(4.0, level=0.0))) == ["audio.silent"]
    gap = wav(8.0, level=0.3)
    silent = bytearray(gap)
    silent[44 + 2 * 16_000 * 2 : 44 + 6 * 16_000 * 2] = bytes(4 * 16_000 * 2)
    assert codes(post(bytes(silent))) == ["audio.silence"]
    facts = post(speech).json()["facts"]
    assert facts["loudnessDbfs"] == pytest.approx(-13.5, abs=0.2) and facts["peakDbfs"] == pytest.approx(-10.5, abs=0.2)


def test_audio_is_converted_to_two_channels_and_48_khz(post: Post) -> None:
    body = post(wav(1.0, rate=96_000, channels=4)).json()
    assert (body["ref"]["sampleRateHz"], body["ref"]["channels"]) == (48_000, 2)


# Permissions


def test_viewers_cannot_upload(client: httpx.Client) -> None:
    answer = client.post("/api/uploads", files={"file": ("a.png", picture())}, headers={"x-user": "ann/viewer"})
    assert (answer.status_code, answer.json()["code"]) == (403, "access.forbidden")
    assert client.post("/api/uploads/sample", headers={"x-user": "ann/viewer"}).status_code == 403


def test_uploads_are_counted_by_kind_and_outcome(post: Post) -> None:
    def counted(kind: str, outcome: str) -> float:
        return REGISTRY.get_sample_value("workbench_uploads_total", {"kind": kind, "outcome": outcome}) or 0.0

    ends = (("image", "accepted"), ("image", "refused"), ("auto", "unreadable"))
    before = [counted(*end) for end in ends]
    bytes_before = REGISTRY.get_sample_value("workbench_upload_bytes_total") or 0.0
    assert [post(data, kind=kind).status_code for data, kind in (
        (picture(), "image"), (wav(1.0), "image"), (picture()[:-30], ""),
    )] == [201, 415, 422]  # fmt: skip
    assert [counted(*end) for end in ends] == [number + 1 for number in before]
    assert REGISTRY.get_sample_value("workbench_upload_bytes_total") == bytes_before + len(picture())


def test_a_notebook_gets_the_same_result(deployment: Deployment, post: Post, tmp_path: Path) -> None:
    from workbench.client.uploads import keep_upload

    (tmp_path / "me.png").write_bytes(picture())
    mine = keep_upload(deployment, tmp_path / "me.png", owner="ann")
    assert mine.ref.sha256 == post(picture(), "me.png").json()["ref"]["sha256"]
    assert mine.ref.name == "me.png" and (tmp_path / "me.png").exists()
