"""Hostile files: each gets a clear error, none is stored, and the next upload works."""

from __future__ import annotations

import struct
import zlib

import httpx
import pytest

from tests.app.uploads.conftest import Post
from tests.app.uploads.media import (
    archive,
    box,
    chunk,
    frames,
    picture,
    png_of,
    sound,
    video,
    wav,
    wav_claiming,
    wav_of,
)
from workbench.client.deployment import Deployment

pytestmark = pytest.mark.stack

SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'
HTML = b"<!DOCTYPE html><html><script>alert(1)</script></html>"
REFUSED, UNREADABLE, TOO_LARGE = (415, "upload.refused"), (422, "upload.unreadable"), (413, "upload.too_large")

# name -> (bytes, status and code, a word in the answer)
HOSTILE: dict[str, tuple[bytes, tuple[int, str], str]] = {
    "zip": (archive(), REFUSED, "ZIP"),
    "docx": (archive(**{"[Content_Types].xml": b"<x/>"}), REFUSED, "ZIP"),
    "empty zip": (b"PK\x05\x06" + b"\0" * 18, REFUSED, "ZIP"),
    "gzip": (b"\x1f\x8b\x08" + b"\0" * 60, REFUSED, "gzip"),
    "7z": (b"7z\xbc\xaf\x27\x1c" + b"\0" * 60, REFUSED, "7z"),
    "rar": (b"Rar!\x1a\x07\x00" + b"\0" * 60, REFUSED, "RAR"),
    "tar": (b"a.txt" + b"\0" * 252 + b"ustar" + b"\0" * 250, REFUSED, "tar"),
    "svg": (SVG, REFUSED, "SVG"),
    "svg behind a declaration": (b'\xef\xbb\xbf<?xml version="1.0"?>\n' + SVG, REFUSED, "SVG"),
    "svg behind comments": (b"<!-- a --><!-- b -->\n" + SVG, REFUSED, "SVG"),
    "svg in UTF-16": (SVG.decode().encode("utf-16"), REFUSED, "SVG"),
    "html": (HTML, REFUSED, "web page"),
    "html behind blanks": (b"\n\n \t" + HTML, REFUSED, "web page"),
    "a thousand open comments": (b"<!-- -->" * 500 + b"<!--", REFUSED, "unknown"),
    "xml with entities": (b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b SYSTEM "file:///x">]><a/>', REFUSED, "XML"),
    "pdf": (b"%PDF-1.7\n%\xe2\xe3\n", REFUSED, "PDF"),
    "program": (b"\x7fELF\x02\x01\x01" + b"\0" * 60, REFUSED, "program"),
    "windows program": (b"MZ\x90\x00" + b"\0" * 60, REFUSED, "program"),
    "script": (b"#!/bin/sh\nrm -rf /\n", REFUSED, "script"),
    "m3u8": (b"#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\nfile:///etc/passwd\n", REFUSED, "playlist"),
    "concat": (b"ffconcat version 1.0\nfile '/etc/passwd'\n", REFUSED, "list of files"),
    "bare concat": (b"file '/etc/passwd'\n", REFUSED, "list of files"),
    "sdp": (b"v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\nm=audio 5004 RTP/AVP 0\r\n", REFUSED, "SDP"),
    "pls": (b"[playlist]\nFile1=http://127.0.0.1/\n", REFUSED, "playlist"),
    "gif": (frames("GIF"), REFUSED, "GIF"),
    "heic": (box(b"ftyp", b"heic\0\0\0\0mif1"), REFUSED, "HEIF"),
    "avi": (b"RIFF\x00\x10\x00\x00AVI LIST" + b"\0" * 60, REFUSED, "AVI"),
    "mpeg4 part 2 in mp4": (video("mpeg4", "mp4", 5), REFUSED, "mpeg4"),
    "text": (b"hello there, this is only text\n", REFUSED, "unknown"),
    "noise": (bytes((i * 7919) % 251 for i in range(5000)), REFUSED, "unknown"),
    "empty": (b"", UNREADABLE, "empty"),
    "one byte": (b"\x89", REFUSED, "unknown"),
    "png header alone": (b"\x89PNG\r\n\x1a\n", UNREADABLE, "damaged"),
    "truncated png": (picture(size=(200, 200))[:-400], UNREADABLE, "damaged"),
    "png with a wrong checksum": (picture()[:-20] + b"\0" * 8 + picture()[-12:], UNREADABLE, "damaged"),
    "truncated jpeg": (picture("JPEG", (200, 200))[:900], UNREADABLE, "damaged"),
    "truncated webp": (picture("WEBP", (200, 200))[:200], UNREADABLE, "damaged"),
    "png that claims 100,000 x 100,000": (png_of(100_000, 100_000), TOO_LARGE, "pixels"),
    "png that claims 2^31 a side": (png_of(2**31 - 1, 2**31 - 1), TOO_LARGE, "pixels"),
    "png of one line of 60,000": (png_of(60_000, 1, b"\0" * 180_001), TOO_LARGE, "pixels"),
    "png without pixels": (png_of(0, 10), UNREADABLE, "damaged"),
    "png whose data end early": (png_of(6000, 6000), UNREADABLE, "damaged"),
    "png with a text that unpacks to 200 MB": (
        png_of(8, 8, b"\0" * 200, chunk(b"zTXt", b"a\0\0" + zlib.compress(b"x" * 200_000_000, 9))),
        UNREADABLE, "damaged",
    ),
    "jpeg that claims 65,500 x 65,500": (
        picture("JPEG", (64, 48)).replace(struct.pack(">HH", 48, 64), struct.pack(">HH", 65_500, 65_500)),
        TOO_LARGE, "pixels",
    ),
    "picture above its cap": (picture("PNG", (40, 40)) + b"\0" * 2_000_001, TOO_LARGE, "2.0 MB"),
    "wav that claims nine hours": (wav_claiming(9 * 3600), TOO_LARGE, "540.0 min"),
    "wav that claims twenty seconds": (wav_claiming(20), UNREADABLE, "truncated"),
    "wav header alone": (wav_claiming(0, b""), UNREADABLE, ""),
    "wav with half its data": (wav(2.0)[:30_000], UNREADABLE, "truncated"),
    "wav of 300 channels": (wav_of(16_000, 300), REFUSED, "channels"),
    "wav of no channels": (wav_of(16_000, 0), REFUSED, "channels"),
    "wav of 4 GHz": (wav_of(4_000_000_000, 1), UNREADABLE, "damaged"),
    "wav of 100 Hz": (wav_of(100, 1), REFUSED, "sample rate"),
    "wav with a codec inside": (wav_of(16_000, 1, 16, 0x0161), REFUSED, "wmav2"),
    "sound that is too long": (sound("libopus", "ogg", 40.0), TOO_LARGE, "too long"),
    "sound above its cap": (wav(0.5) + b"\0" * 3_000_001, TOO_LARGE, "3.0 MB"),
    "truncated mp4": (video(count=50)[:3000], UNREADABLE, ""),
    "mp4 without its index": (box(b"ftyp", b"isom\0\0\2\0isomiso2avc1mp41") + b"\0" * 4000, UNREADABLE, ""),
    "mp4 of nothing": (box(b"ftyp", b"isom\0\0\2\0isom"), UNREADABLE, ""),
    "mp4 that is an avi inside": (box(b"ftyp", b"isom\0\0\2\0isom") + HTML * 50, UNREADABLE, ""),
    "video that is too long": (video(count=40, fps=1), TOO_LARGE, "too long"),
    "truncated webm": (video("libvpx", "webm", 50)[:600], UNREADABLE, ""),
    "webm header alone": (b"\x1a\x45\xdf\xa3\x9f\x42\x82\x84webm" + b"\0" * 200, UNREADABLE, ""),
    "mp3 of noise": (b"\xff\xfb\x90\x00" + bytes((i * 7919) % 251 for i in range(9000)), UNREADABLE, ""),
    "ogg of noise": (b"OggS" + bytes((i * 7919) % 251 for i in range(9000)), UNREADABLE, ""),
    "flac header alone": (b"fLaC" + b"\0" * 64, UNREADABLE, ""),
    "an ID3 tag and a zip": (b"ID3\x04\0\0\0\0\0\x0a" + b"\0" * 10 + archive(), UNREADABLE, ""),
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_file_is_refused_with_a_message(name: str, post: Post, deployment: Deployment) -> None:
    data, (status, code), word = HOSTILE[name]
    answer = post(data, "portrait.png")
    body = answer.json()
    assert (answer.status_code, body["code"]) == (status, code), body
    assert word in f"{body['error']} {body['details'].get('seen')} {body['details'].get('allowed')}"
    assert body["details"]["remedy"]
    assert str(deployment.settings.home) not in answer.text
    left = list((deployment.settings.home / "incoming").iterdir())
    assert left == []


def test_no_hostile_file_was_stored_and_the_decoder_works(
    post: Post, deployment: Deployment, client: httpx.Client
) -> None:
    before = len(deployment.objects.stored())
    assert post(archive()).status_code == 415
    assert post(png_of(100_000, 100_000)).status_code == 413
    assert len(deployment.objects.stored()) == before
    assert post(picture()).status_code == 201


@pytest.mark.parametrize(
    ("data", "kind", "seen"),
    [(picture(), "audio", "an image"), (wav(), "image", "an audio file"), (wav(), "video", "an audio file")],
)
def test_another_kind_than_requested_is_refused(post: Post, data: bytes, kind: str, seen: str) -> None:
    answer = post(data, kind=kind)
    assert (answer.status_code, answer.json()["details"]["seen"]) == (415, seen)


# Polyglots: a valid image or video with appended or embedded data. Only the decoded media is stored.


@pytest.mark.parametrize(
    "tail", [archive(**{"evil.class": b"\xca\xfe\xba\xbe"}), HTML, b"\0" * 1000], ids=("zip", "html", "zeros")
)
@pytest.mark.parametrize("format_name", ["PNG", "JPEG", "WEBP"])
def test_data_appended_to_an_image_is_removed(
    post: Post, deployment: Deployment, format_name: str, tail: bytes
) -> None:
    plain = post(picture(format_name)).json()
    glued = post(picture(format_name) + tail).json()
    assert glued["ref"]["sha256"] == plain["ref"]["sha256"]


def test_data_appended_to_a_video_is_removed(post: Post, deployment: Deployment, client: httpx.Client) -> None:
    plain = post(video()).json()
    glued = post(video() + box(b"free", archive())).json()
    assert glued["ref"]["sha256"] == plain["ref"]["sha256"]


def test_a_script_in_a_jpeg_comment_is_removed(post: Post, client: httpx.Client) -> None:
    answer = post(picture("JPEG", comment=HTML)).json()
    stored = client.get(answer["url"], follow_redirects=True, headers={"x-user": "ann"}).content
    assert stored.startswith(b"\xff\xd8") and HTML not in stored
