"""The upload form over HTTP: malformed, false and aborted requests."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from tests.app.uploads.conftest import Post
from tests.app.uploads.media import picture, wav
from tests.stack.conditions import wait_for
from workbench.client.deployment import Deployment

pytestmark = pytest.mark.stack

NAMES = {
    "../../etc/passwd": "passwd.png",
    "..\\..\\windows\\system32\\a.dll": "a.png",
    "/absolute/path.png": "path.png",
    "nul\0byte.png": "nulbyte.png",
    "": "upload.png",
    "...": "upload.png",
    ".hidden": "hidden.png",
    "Grüße 世界.jpeg": "Grüße 世界.png",
    "turn\u202egnp.exe": "turngnp.png",
    "a" * 3000 + ".png": "a" * 120 + ".png",
    "quo\"te'$(rm -rf)`.png": "quote(rm -rf).png",
    "line\r\nX-Evil: 1.png": "lineX-Evil 1.png",
}


@pytest.mark.parametrize("name", NAMES)
def test_file_names_are_only_labels_and_never_paths(name: str, deployment: Deployment, tmp_path: Path) -> None:
    from workbench.client.uploads import keep_upload, plain_name

    assert plain_name(name, ".png") == NAMES[name]
    (tmp_path / "f").write_bytes(picture())
    assert keep_upload(deployment, tmp_path / "f", owner="ann", name=name or "...").ref.name == NAMES[name]


@pytest.mark.parametrize("name", ["../../etc/passwd", "Grüße 世界.jpeg", "a" * 3000 + ".png"])
def test_names_on_the_wire(post: Post, name: str) -> None:
    answer = post(picture(), name)
    assert answer.status_code == 201 and answer.json()["ref"]["name"] == NAMES[name]


def raw(client: httpx.Client, body: bytes, content_type: str = "multipart/form-data; boundary=b") -> httpx.Response:
    return client.post("/api/uploads", content=body, headers={"content-type": content_type})


def part(data: bytes, disposition: bytes = b'form-data; name="file"; filename="a.png"', more: bytes = b"") -> bytes:
    return b"--b\r\nContent-Disposition: " + disposition + b"\r\n" + more + b"\r\n" + data + b"\r\n"


END = b"--b--\r\n"
MALFORMED = {
    "no form at all": (b"hello", "text/plain"),
    "json": (b"{}", "application/json"),
    "urlencoded": (b"file=abc", "application/x-www-form-urlencoded"),
    "no content type": (b"hello", ""),
    "no boundary": (part(picture()) + END, "multipart/form-data"),
    "an empty boundary": (part(picture()) + END, "multipart/form-data; boundary="),
    "a boundary of 300": (b"", f"multipart/form-data; boundary={'x' * 300}"),
    "another boundary": (part(picture()) + END, "multipart/form-data; boundary=other"),
    "an empty body": (b"", "multipart/form-data; boundary=b"),
    "no last boundary": (part(picture()), "multipart/form-data; boundary=b"),
    "only the end": (END, "multipart/form-data; boundary=b"),
    "a file under another name": (part(picture(), b'form-data; name="image"; filename="a"') + END, ""),
    "a file without a filename": (part(picture(), b'form-data; name="file"') + END, ""),
    "a part without a name": (part(picture(), b"form-data") + END, ""),
    "no disposition": (b"--b\r\nContent-Type: image/png\r\n\r\nabc\r\n" + END, ""),
    "two files": (part(picture()) + part(picture()) + END, ""),
    "an unknown field": (part(b"1", b'form-data; name="owner"') + part(picture()) + END, ""),
    "an unknown kind": (part(b"gif", b'form-data; name="kind"') + part(picture()) + END, ""),
    "a field of a megabyte": (part(b"x" * 1_000_000, b'form-data; name="kind"') + END, ""),
    "forty parts": (part(b"auto", b'form-data; name="kind"') * 40 + END, ""),
    "a name of 10 kB": (part(picture(), b'form-data; name="file"; filename="' + b"a" * 10_000 + b'"') + END, ""),
    "a hundred headers": (part(picture(), more=b"X-A: b\r\n" * 100) + END, ""),
    "base64": (part(b"aGVsbG8=", more=b"Content-Transfer-Encoding: base64\r\n") + END, ""),
}


@pytest.mark.parametrize("name", MALFORMED)
def test_a_malformed_form_is_refused(name: str, client: httpx.Client, deployment: Deployment) -> None:
    body, content_type = MALFORMED[name]
    form = "multipart/form-data; boundary=b"
    answer = raw(client, body, "" if name == "no content type" else content_type or form)
    assert (answer.status_code, answer.json()["code"]) == (422, "request.invalid"), answer.text
    assert answer.json()["details"]["remedy"]
    assert list((deployment.settings.home / "incoming").iterdir()) == []


def test_a_body_without_a_length_is_accepted(client: httpx.Client) -> None:
    def pieces() -> Iterator[bytes]:
        body = part(picture()) + END
        for start in range(0, len(body), 7):
            yield body[start : start + 7]

    answer = client.post("/api/uploads", content=pieces(), headers={"content-type": "multipart/form-data; boundary=b"})
    assert answer.request.headers["transfer-encoding"] == "chunked" and answer.status_code == 201, answer.text


def test_the_kind_may_follow_the_file(client: httpx.Client) -> None:
    late = part(b"audio", b'form-data; name="kind"')
    assert raw(client, part(wav()) + late + END).status_code == 201
    assert raw(client, part(picture()) + late + END).status_code == 415


def connection(client: httpx.Client) -> socket.socket:
    address = urlsplit(str(client.base_url))
    return socket.create_connection((address.hostname or "", address.port or 0), timeout=30)


def head(length: str) -> bytes:
    return (
        b"POST /api/uploads HTTP/1.1\r\nHost: localhost\r\nContent-Type: multipart/form-data; boundary=b\r\n"
        b"Connection: close\r\n" + length.encode() + b"\r\n\r\n"
    )


def answered(wire: socket.socket) -> bytes:
    found = b""
    while piece := wire.recv(65536):
        found += piece
    return found


def test_a_length_that_is_too_short_ends_the_form_early(client: httpx.Client, deployment: Deployment) -> None:
    with connection(client) as wire:
        # Send no extra bytes: HTTP treats data beyond the length as the next request.
        wire.sendall(head("Content-Length: 100") + (part(picture()) + END)[:100])
        assert b"422" in wire.recv(65536).split(b"\r\n")[0]
    assert list((deployment.settings.home / "incoming").iterdir()) == []


def test_a_length_far_above_the_caps_is_refused_before_the_body(client: httpx.Client) -> None:
    with connection(client) as wire:
        wire.sendall(head("Content-Length: 99000000000") + part(picture()))
        assert b"413" in answered(wire).split(b"\r\n")[0]


def test_a_too_large_file_is_refused_during_the_upload(client: httpx.Client, deployment: Deployment) -> None:
    """The limit is four megabytes; the client sends forty and still gets its answer."""
    answer = raw(client, part(picture() + bytes(40_000_000)) + END)
    assert (answer.status_code, answer.json()["code"]) == (413, "upload.too_large")
    assert list((deployment.settings.home / "incoming").iterdir()) == []


def test_an_aborted_upload_leaves_no_files(client: httpx.Client, deployment: Deployment) -> None:
    incoming = deployment.settings.home / "incoming"
    with connection(client) as wire:
        wire.sendall(head("Content-Length: 3000000") + part(picture())[:-2] + bytes(1_000_000))
        wait_for(lambda: [path for path in incoming.glob("*/*") if path.stat().st_size > 100_000])
    wait_for(lambda: list(incoming.iterdir()) == [])


def test_two_concurrent_uploads_do_not_interfere(post: Post) -> None:
    files = [picture(size=(64 + i, 48)) for i in range(6)] + [b"7z\xbc\xaf\x27\x1c" + bytes(100)] * 2
    together = threading.Barrier(len(files))

    def send(data: bytes) -> httpx.Response:
        together.wait()
        return post(data)

    with ThreadPoolExecutor(len(files)) as threads:
        answers = list(threads.map(send, files))
    assert [answer.status_code for answer in answers] == [201] * 6 + [415] * 2
    assert [answer.json()["ref"]["width"] for answer in answers[:6]] == [64, 65, 66, 67, 68, 69]


def test_folders_of_dead_processes_are_removed(tmp_path: Path) -> None:
    from workbench.client.incoming_files import incoming_folder
    from workbench.retention.partial import clear_incoming

    dead = tmp_path / "incoming" / "999999999-abc"
    dead.mkdir(parents=True)
    (dead / "half").write_bytes(b"x")
    with incoming_folder(tmp_path) as alive:
        clear_incoming(tmp_path)
        assert alive.exists() and not dead.exists()
        assert alive.stat().st_mode & 0o777 == 0o700
    assert not alive.exists()
