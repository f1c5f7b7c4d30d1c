"""Sockets do not affect each other: bad messages, too many subscriptions, slow readers, other users."""

from __future__ import annotations

import socket
import time
from pathlib import Path

import httpx
import orjson
import psutil
import pytest
from websockets.exceptions import ConnectionClosed

from tests.app.live.conftest import App, Watcher, numbers
from tests.app.serve import MAX_SUBSCRIPTIONS
from tests.engine.graphs import document
from tests.live import Diary, LiveDeployment
from workbench.client.submit import submit_graph
from workbench.engine.accept import Request

pytestmark = pytest.mark.stack


def test_a_bad_message_disturbs_no_other_subscription(live: LiveDeployment, app: App, diary: Diary, gate: Path) -> None:
    job = live.submit({"a": diary.probe("a", gate=str(gate))}).job
    with Watcher(app) as watcher:
        watcher.subscribe(job)
        bad: list[tuple[str | bytes, str, str]] = [
            ("{", "request.invalid", ""),
            ("[]", "request.invalid", ""),
            ("null", "request.invalid", ""),
            ("", "request.invalid", ""),
            (b"\xff\xfe", "request.invalid", ""),
            ('{"action": "dance", "jobId": "x"}', "request.invalid", "x"),
            ('{"action": "subscribe"}', "request.invalid", ""),
            ('{"action": "subscribe", "jobId": 7}', "request.invalid", ""),
            ('{"action": "subscribe", "jobId": "x", "more": 1}', "request.invalid", "x"),
            ('{"action": "subscribe", "jobId": "x", "after": "yesterday"}', "request.invalid", "x"),
            ('{"action": "subscribe", "jobId": "../../etc/passwd"}', "request.invalid", "../../etc/passwd"),
            (orjson.dumps({"action": "subscribe", "jobId": "x" * 5000}), "request.invalid", ""),
            ('{"action": "subscribe", "jobId": "no-such-job"}', "job.unknown", "no-such-job"),
        ]
        for message, code, named in bad:
            watcher.socket.send(message)
            answer = watcher.answer()
            assert (answer["message"], answer["code"], answer["jobId"]) == ("failed", code, named), message
            assert answer["error"] and answer["details"]["remedy"]
        watcher.send(action="unsubscribe", jobId="never-subscribed")
        assert watcher.answer()["message"] == "unsubscribed"
        gate.touch()
        watcher.wait_for_end(job)
        live.finish(job)
        assert watcher.events(job) == numbers(live, job)


def test_an_oversized_message_closes_only_its_socket(live: LiveDeployment, app: App, diary: Diary, gate: Path) -> None:
    job = live.submit({"a": diary.probe("a", gate=str(gate))}).job
    with Watcher(app) as watcher, Watcher(app) as other:
        watcher.subscribe(job)
        other.socket.send("x" * 100_000)
        with pytest.raises(ConnectionClosed) as closed:
            other.receive()
        assert closed.value.rcvd is not None and closed.value.rcvd.code == 1009  # too big
        gate.touch()
        watcher.wait_for_end(job)


def test_jobs_of_others_are_unknown(live: LiveDeployment, app: App) -> None:
    job = submit_graph(live.deployment, Request(document({"a": "probe.data"}), owner="ada")).job
    with Watcher(app, "ben/runner") as ben, Watcher(app, "ada/runner") as ada, Watcher(app, "eve/viewer") as eve:
        refused = ben.subscribe(job)
        unknown = ben.subscribe("0" * len(job))
        assert (refused["message"], refused["code"]) == ("failed", "job.unknown")
        assert {**refused, "jobId": ""} == {
            **unknown,
            "jobId": "",
            "error": refused["error"],
            "details": refused["details"],
        }
        assert ada.subscribe(job)["message"] == eve.subscribe(job)["message"] == "subscribed"
        ada.wait_for_end(job)
        eve.wait_for_end(job)
        assert ben.updates == []


def test_no_updates_arrive_after_unsubscribing(live: LiveDeployment, app: App, diary: Diary, gate: Path) -> None:
    left = live.submit({"a": diary.probe("a", sleep_s=1.0)}).job
    kept = live.submit({"a": diary.probe("b", gate=str(gate))}).job
    with Watcher(app) as watcher:
        watcher.subscribe(left)
        watcher.subscribe(kept)
        watcher.send(action="unsubscribe", jobId=left)
        assert watcher.answer() == {"action": "response", "message": "unsubscribed", "jobId": left}
        watcher.updates.clear()
        live.finish(left)
        gate.touch()
        watcher.wait_for_end(kept)
        assert {update["jobId"] for update in watcher.updates} == {kept}
        watcher.subscribe(left)  # it can be watched again
        watcher.wait_for_end(left)
        assert watcher.events(left) == numbers(live, left)


@pytest.mark.slow
def test_the_subscriptions_of_a_socket_are_limited(live: LiveDeployment, app: App) -> None:
    jobs = [live.submit({"a": "probe.elsewhere"}).job for _ in range(MAX_SUBSCRIPTIONS + 1)]
    with Watcher(app) as watcher:
        for job in jobs[:-1]:
            assert watcher.subscribe(job)["message"] == "subscribed"
        answer = watcher.subscribe(jobs[-1])
        assert (answer["message"], answer["code"]) == ("failed", "access.too_many")
        assert watcher.subscribe(jobs[0])["message"] == "subscribed"  # an existing subscription
        watcher.send(action="unsubscribe", jobId=jobs[1])
        assert watcher.answer()["message"] == "unsubscribed"
        assert watcher.subscribe(jobs[-1])["message"] == "subscribed"
        seen: set[str] = {update["jobId"] for update in watcher.updates}
        while len(seen) < len(jobs) - 1:
            seen.add(watcher.until(lambda _: True)["jobId"])
    for job in jobs:
        live.deployment.cancel(job)


@pytest.mark.slow
def test_a_client_that_does_not_read_delays_no_other_and_can_reconnect(
    live: LiveDeployment, app: App, diary: Diary
) -> None:
    """An update of a wide job has 250 KB: the buffers hold fewer than four, and the client reads none."""
    graph = {f"node_with_a_long_name_{index}": "probe.elsewhere" for index in range(900)}
    wide = [live.submit(graph).job for _ in range(4)]
    job = live.submit({"a": diary.probe("a", sleep_s=90.0)}).job
    live.await_event(job, "node.running", "a")
    assert app.process is not None
    process = psutil.Process(app.process.pid)
    narrow = socket.socket()
    narrow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65_536)
    narrow.connect(("127.0.0.1", app.port))
    with Watcher(app) as quick, Watcher(app, sock=narrow, max_queue=1, ping_interval=None) as slow:
        quick.subscribe(job)
        quick.until(lambda update: update["status"] == "running")
        slow.send(action="subscribe", jobId=job)
        before = process.memory_info().rss
        for one in wide:
            slow.send(action="subscribe", jobId=one)
        until = time.monotonic() + 60
        closed_at_server, received = False, 0
        while not closed_at_server or received < 6:
            assert time.monotonic() < until, f"closed: {closed_at_server}, updates of the quick client: {received}"
            quick.until(lambda _: True)
            received += 1
            closed_at_server = "workbench_live_too_slow_total 1.0" in httpx.get(f"{app.url}/metrics").text
        grown = process.memory_info().rss - before
        assert grown < 80 << 20, f"{grown >> 20} MiB more"
        with pytest.raises(ConnectionClosed) as closed:
            while True:
                slow.receive(20)
        assert closed.value.rcvd is not None and closed.value.rcvd.code == 1013
    of_job = [update for update in slow.updates if update["jobId"] == job]
    assert {update["jobId"] for update in slow.updates} < {job, *wide} and of_job
    live.deployment.cancel(job)
    with Watcher(app) as again:
        again.subscribe(job, of_job[-1]["cursor"])
        again.wait_for_end(job)
        live.finish(job)
        assert slow.events(job) + again.events(job) == numbers(live, job)


@pytest.mark.slow
def test_the_connection_sends_keepalives(live: LiveDeployment, app: App) -> None:
    with Watcher(app) as watcher:
        assert watcher.receive(20) == {"type": "heartbeat"}
