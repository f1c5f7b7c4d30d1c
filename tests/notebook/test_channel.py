"""The kernel's side of the channel: answers to the browser, and the state of jobs."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.live import Diary, LiveDeployment, wait_for
from workbench.client.files import portrait_file
from workbench.notebook import channel as channels
from workbench.notebook.artifact import Artifact
from workbench.notebook.channel import Channel
from workbench.notebook.widgets.modules import reachable_page
from workbench.notebook.workbench import Workbench

pytestmark = pytest.mark.stack
FILE = "GET /api/artifacts/{sha256}"


class Browser:
    """A page that sends requests and keeps the answers."""

    def __init__(self, channel: Channel, name: str = "page") -> None:
        self.channel = channel
        self.name = name
        self.answers: dict[int, tuple[dict[str, Any], list[bytes]]] = {}
        self.live: list[dict[str, Any]] = []

    def ask(self, buffers: tuple[bytes, ...] = (), **message: Any) -> tuple[int, Any, list[bytes]]:
        """(status, answer, buffers)."""
        number = len(self.answers)
        self.channel.take({"client": self.name, "id": number, **message}, buffers, self.hear)
        wait_for(lambda: number in self.answers, what="the answer")
        answer, sent = self.answers[number]
        return answer["status"], answer["answer"], sent

    def tell(self, **message: Any) -> None:
        self.channel.take({"client": self.name, **message}, (), self.hear)

    def hear(self, message: dict[str, Any], buffers: list[bytes] | None = None) -> None:
        if message["kind"] == "live":
            self.live.append(message["message"])
        else:
            self.answers[message["id"]] = (message, list(buffers or ()))


@pytest.fixture
def channel(wb: Workbench) -> Channel:
    return Channel(wb.deployment)


@pytest.fixture
def browser(channel: Channel) -> Iterator[Browser]:
    browser = Browser(channel)
    yield browser
    browser.tell(kind="bye")


def chain(wb: Workbench, diary: Diary, **first: object) -> object:
    graph = wb.graph("chain")
    graph.probe.data(value="a", log=str(diary.path), file_kib=1, as_="a", **first)
    return graph


def test_the_channel_answers_only_known_requests(wb: Workbench, browser: Browser, diary: Diary) -> None:
    job = wb.run(chain(wb, diary)).wait()
    file: Artifact = job.outputs["a"]["file"]
    given = {"job_id": job.id}
    status, answer, _ = browser.ask(kind="ask", name="GET /api/session")
    assert (status, answer["user"], answer["login"]) == (200, "local", False)
    status, answer, _ = browser.ask(kind="ask", name="GET /api/jobs/{job_id}", params=given)
    assert (status, answer["job"]["status"], answer["job"]["mayChange"]) == (200, "completed", True)
    status, answer, _ = browser.ask(kind="ask", name="GET /api/jobs/{job_id}/artifacts", params=given)
    assert file.ref.sha256 in [one["ref"]["sha256"] for one in answer["artifacts"]]
    status, answer, _ = browser.ask(kind="ask", name="POST /api/jobs/{job_id}/cancel", params=given)
    assert (status, answer["code"]) == (409, "job.ended")
    assert browser.ask(kind="text", sha256=file.ref.sha256)[1]["text"] == file.read_bytes().decode(errors="replace")
    for name, params, code in (
        ("GET /api/jobs/{job_id}", {"job_id": "no-such-job"}, (404, "job.unknown")),
        (f"{FILE}/waveform", {"sha256": "0" * 64}, (404, "artifact.unknown")),
        ("DELETE /api/jobs/{job_id}", given, (404, "request.not_found")),
    ):
        status, refusal, _ = browser.ask(kind="ask", name=name, params=params)
        assert (status, refusal["code"]) == code
    known = browser.channel.saved_answers([("ask", "GET /api/jobs/{job_id}", given), ("ask", "GET /api/none", {})])
    assert list(known) == [f"/api/jobs/{job.id}"]


def test_media_are_sent_as_an_address_or_as_byte_ranges(wb: Workbench, browser: Browser, diary: Diary) -> None:
    file: Artifact = wb.run(chain(wb, diary)).wait().outputs["a"]["file"]
    given = {"sha256": file.ref.sha256}
    _, led, _ = browser.ask(kind="media", name=FILE, params=given, direct=True)
    assert led["url"].startswith(wb.settings.s3_url) and "X-Amz-Expires=604800" in led["url"]  # no app runs here
    _, led, _ = browser.ask(kind="media", name=FILE, params=given, direct=False)
    assert (led["sha256"], led["sizeBytes"]) == (file.ref.sha256, file.ref.size_bytes)
    status, _, [piece] = browser.ask(kind="bytes", sha256=file.ref.sha256, start=10, end=20)
    assert (status, piece) == (200, file.read_bytes()[10:20])
    status, refusal, _ = browser.ask(kind="bytes", sha256="0" * 64, start=0, end=10)
    assert (status, refusal["code"]) == (404, "artifact.unknown")
    status, refusal, _ = browser.ask(kind="stream", sha256=file.ref.sha256)
    assert (status, refusal["code"]) == (404, "artifact.no_stream")


def test_an_upload_arrives_in_chunks_and_belongs_to_the_local_user(
    wb: Workbench, browser: Browser, tmp_path: Path
) -> None:
    image = portrait_file("sample", wb.settings.home).read_bytes()
    message = {"kind": "upload", "upload": "one", "kindOfFile": "image", "name": "../me.png", "size": len(image)}
    half = len(image) // 2
    assert browser.ask((image[:half],), at=0, **message)[:2] == (200, {})
    status, refusal, _ = browser.ask((image[:half],), at=half + 1, **message)
    assert (status, refusal["code"]) == (422, "request.invalid")
    status, answer, _ = browser.ask((image[half:],), at=half, **message)
    assert (status, answer["ref"]["kind"], answer["ref"]["name"], answer["warnings"]) == (200, "image", "me.png", [])
    assert wb.drop(answer["ref"]["sha256"])
    status, refusal, _ = browser.ask(kind="upload", path=str(tmp_path / "none.png"), kindOfFile="image")
    assert (status, refusal["code"]) == (422, "node.bad_input")


def test_the_end_of_a_job_is_reported_once_and_waiting_can_be_cancelled(
    wb: Workbench, channel: Channel, diary: Diary, tmp_path: Path
) -> None:
    gate = tmp_path / "gate"
    job = wb.run(chain(wb, diary, gate=str(gate)))
    told, given_up = threading.Semaphore(0), threading.Event()
    channel.when_final(job.id, told.release)
    channel.when_final(job.id, told.release)
    channel.when_final(job.id, given_up.set)()
    gate.touch()
    assert told.acquire(timeout=30) and told.acquire(timeout=30)
    late = threading.Event()
    channel.when_final(job.id, late.set)  # the job has already ended
    assert late.wait(30)
    assert not told.acquire(blocking=False) and not given_up.is_set()


def test_every_page_is_notified_of_the_end_even_beside_a_waiter_that_leaves(
    wb: Workbench, channel: Channel, diary: Diary, tmp_path: Path
) -> None:
    gate, ended = tmp_path / "gate", threading.Event()
    job = wb.run(chain(wb, diary, gate=str(gate)))
    pages = [Browser(channel, f"page {number}") for number in range(6)]
    for page in pages:
        page.tell(kind="live", message={"action": "subscribe", "jobId": job.id})
    channel.when_final(job.id, ended.set)
    wait_for(lambda: all(page.live for page in pages), what="all are told of it")
    gate.touch()
    for page in pages:
        wait_for(lambda page=page: any(one.get("status") == "completed" for one in page.live), what="the end is heard")
    assert ended.wait(30) and channel.watching == len(pages)
    for page in pages:
        page.tell(kind="bye")
    wait_for(lambda: channel.watching == 0, what="the pages are forgotten")


def test_a_closed_page_is_removed_even_without_another_page(browser: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(channels, "GONE_S", 0.5)
    monkeypatch.setattr(channels, "CHECK_S", 0.1)
    browser.tell(kind="live", message={"action": "subscribe", "jobId": "no-such-job"})
    wait_for(lambda: browser.live, what="the refusal")
    wait_for(lambda: browser.channel.watching == 0, what="the page is forgotten")


def test_requests_to_the_app_bypass_proxies(live: LiveDeployment, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ALL_PROXY", "HTTP_PROXY", "http_proxy"):
        monkeypatch.setenv(name, "socks5://127.0.0.1:9")
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)

    class Health(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Health) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        page = f"http://127.0.0.1:{server.server_port}"
        try:
            assert reachable_page(live.settings.model_copy(update={"app_url": page})) == page
        finally:
            server.shutdown()
