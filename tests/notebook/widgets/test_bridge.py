"""The API inside the kernel: what a page is answered, and what becomes of jobs."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import orjson
import pytest

from tests.live import Diary, LiveBench, wait_for
from workbench.notebook.widgets import modules
from workbench.notebook.widgets.bridge import Bridge, Socket
from workbench.notebook.workbench import Workbench

pytestmark = pytest.mark.stack


@pytest.fixture
def wb(live: LiveBench) -> Workbench:
    return Workbench(live.settings)


@pytest.fixture
def bridge(wb: Workbench) -> Bridge:
    return Bridge(wb.bench)


def chain(wb: Workbench, diary: Diary, **first: object) -> object:
    graph = wb.graph("chain")
    graph.probe.data(value="a", log=str(diary.path), file_kib=1, as_="a", **first)
    return graph


def test_it_answers_what_a_page_is_answered(wb: Workbench, bridge: Bridge, diary: Diary) -> None:
    job = wb.run(chain(wb, diary)).wait()
    file = job.outputs["a"]["file"]
    path = f"/api/artifacts/{file.ref.sha256}"
    missing = "/api/jobs/no-such-job"
    found = bridge.answers(["/api/session", f"/api/jobs/{job.id}", missing, f"media:{path}", f"text:{path}"])
    assert found["/api/session"]["user"] == "local"
    assert found[f"/api/jobs/{job.id}"]["job"]["status"] == "completed"
    assert missing not in found
    assert found[f"media:{path}"].startswith(wb.settings.s3_url) and "X-Amz-Expires=604800" in found[f"media:{path}"]
    assert found[f"text:{path}"] == file.read_bytes().decode(errors="replace")
    status, answer = bridge.start(bridge.call("POST", f"/api/jobs/{job.id}/cancel", {})).result()
    assert (status, answer["status"], answer["cancelled"]) == (200, "completed", False)
    for asked in (bridge.call("GET", missing), bridge.call("POST", f"{missing}/cancel", {})):
        status, refusal = bridge.start(asked).result()
        assert (status, refusal["code"]) == (404, "job.unknown")
    status, refusal = bridge.start(bridge.media("/api/artifacts/" + "0" * 64)).result()
    assert (status, refusal["code"]) == (404, "artifact.unknown")


def test_an_end_is_told_once_and_can_be_given_up(wb: Workbench, bridge: Bridge, diary: Diary, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    job = wb.run(chain(wb, diary, gate=str(gate)))
    told, given_up = threading.Semaphore(0), threading.Event()
    bridge.when_final(job.id, told.release)
    bridge.when_final(job.id, told.release)
    bridge.when_final(job.id, given_up.set)()
    gate.touch()
    assert told.acquire(timeout=30) and told.acquire(timeout=30)
    late = threading.Event()
    bridge.when_final(job.id, late.set)  # it has ended before
    assert late.wait(30)
    assert not told.acquire(blocking=False) and not given_up.is_set()


def test_a_socket_brings_updates_until_it_is_closed(wb: Workbench, bridge: Bridge, diary: Diary) -> None:
    job = wb.run(chain(wb, diary))
    heard: list[dict[str, object]] = []
    closed = threading.Event()

    async def opened() -> Socket:
        return Socket(bridge, lambda text: heard.append(orjson.loads(text)), closed.set)

    socket = bridge.start(opened()).result()
    bridge._loop.call_soon_threadsafe(lambda: socket.say(action="subscribe", jobId=job.id))
    wait_for(lambda: any(one.get("status") == "completed" for one in heard), what="the end is heard")
    bridge._loop.call_soon_threadsafe(socket.close)
    assert closed.wait(10)


def test_sockets_of_a_page_that_is_gone_are_closed_without_another_page(
    bridge: Bridge, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(modules, "GONE_S", 0.2)
    monkeypatch.setattr(modules, "LOOK_S", 0.05)
    hub = modules.Modules(bridge)
    bridge.start(hub._take({"client": "page", "kind": "open", "socket": "page-1"})).result()
    assert list(hub._sockets) == ["page-1"]
    wait_for(lambda: not hub._sockets, what="the socket is closed")
    wait_for(lambda: hub._looking is None, what="nothing looks any more")


def test_the_page_is_asked_past_any_proxy(live: LiveBench, monkeypatch: pytest.MonkeyPatch) -> None:
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
            assert modules.reachable_page(live.settings.model_copy(update={"app_url": page})) == page
        finally:
            server.shutdown()
