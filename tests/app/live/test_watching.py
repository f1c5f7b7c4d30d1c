"""Watching jobs on the WebSocket: every event once and in order, even if socket, app or bus restart."""

from __future__ import annotations

import shutil
import signal
import time
from itertools import pairwise
from pathlib import Path

import pytest
from websockets.exceptions import ConnectionClosed

from tests.app.live.conftest import App, Watcher, final, numbers
from tests.live import Diary, LiveDeployment, wait_for

pytestmark = pytest.mark.stack


def submit_chain(live: LiveDeployment, diary: Diary, gate: Path) -> str:
    nodes = {
        "a": diary.probe("a"),
        "b": diary.probe("b", gate=str(gate), fail_times=1),
        "c": diary.probe("c", "probe.control"),
    }
    return live.submit(nodes, [("a", "b"), ("b", "c")]).job


def test_a_running_job_is_shown_at_once_and_every_event_arrives_once(
    live: LiveDeployment, app: App, diary: Diary, gate: Path
) -> None:
    job = submit_chain(live, diary, gate)
    live.await_event(job, "node.running", "b", 2)
    with Watcher(app) as watcher:
        assert watcher.subscribe(job) == {"action": "response", "message": "subscribed", "jobId": job}
        first = watcher.receive()
        assert (first["type"], first["status"], first["busAway"]) == ("update", "running", False)
        assert [node["status"] for node in first["nodes"].values()] == ["completed", "running", "pending"]
        assert first["nodes"]["b"]["attempt"] == 2
        gate.touch()
        last = watcher.wait_for_end(job)
        live.finish(job)
        assert watcher.events(job) == numbers(live, job)
        assert (last["status"], last["progress"], last["secondsLeft"]) == ("completed", 1.0, None)
        assert {node["status"] for node in last["nodes"].values()} == {"completed"}
        assert last["cursor"] == numbers(live, job)[-1]


def test_a_watcher_that_reconnects_with_its_cursor_misses_nothing(
    live: LiveDeployment, app: App, diary: Diary, gate: Path
) -> None:
    job = submit_chain(live, diary, gate)
    live.await_event(job, "node.running", "b", 2)
    with Watcher(app) as watcher:
        watcher.subscribe(job)
        cursor = watcher.until(lambda update: update["events"])["cursor"]
        before = watcher.events(job)
    gate.touch()
    live.await_event(job, "job.completed")
    with Watcher(app) as again:
        again.subscribe(job, cursor)
        again.wait_for_end(job)
        live.finish(job)
        assert before + again.events(job) == numbers(live, job)
    for index, number in enumerate(numbers(live, job)):
        with Watcher(app) as later:
            later.subscribe(job, number)
            assert later.wait_for_end(job)["status"] == "completed"
            assert later.events(job) == numbers(live, job)[index + 1 :]


def test_a_job_that_the_bus_has_forgotten_is_read_from_sql(live: LiveDeployment, app: App, diary: Diary) -> None:
    job = live.submit({"a": diary.probe("a")}).job
    live.finish(job)
    bus = live.deployment.bus
    wait_for(lambda: not bus.knows(job))
    bus.client.delete(bus.keys.events(job))  # as it expires after a minute
    with Watcher(app) as watcher:
        watcher.subscribe(job)
        assert watcher.wait_for_end(job)["nodes"]["a"]["status"] == "completed"
        assert watcher.events(job) == numbers(live, job)


def test_a_watcher_continues_after_the_app_was_killed(live: LiveDeployment, app: App, diary: Diary, gate: Path) -> None:
    job = submit_chain(live, diary, gate)
    live.await_event(job, "node.running", "b", 2)
    with Watcher(app) as watcher:
        watcher.subscribe(job)
        cursor = watcher.until(lambda update: update["events"])["cursor"]
        app.kill()
        with pytest.raises(ConnectionClosed):
            watcher.until(lambda _: False)
        before = watcher.events(job)
    gate.touch()
    app.start()
    with Watcher(app) as again:
        again.subscribe(job, cursor)
        again.wait_for_end(job)
        live.finish(job)
        assert before + again.events(job) == numbers(live, job)


def test_a_stopped_bus_is_reported_and_no_event_is_missed(
    live: LiveDeployment, app: App, diary: Diary, gate: Path
) -> None:
    job = submit_chain(live, diary, gate)
    live.await_event(job, "node.running", "b", 2)
    assert live.bus_process is not None
    with Watcher(app) as watcher:
        watcher.subscribe(job)
        live.bus_process.send_signal(signal.SIGSTOP)
        try:
            assert watcher.until(lambda update: update["busAway"])["status"] == "running"
            with Watcher(app) as late:  # its state comes from SQL
                assert late.subscribe(job)["message"] == "subscribed"
                assert late.receive()["busAway"]
        finally:
            live.bus_process.send_signal(signal.SIGCONT)
        watcher.until(lambda update: not update["busAway"])
        gate.touch()
        watcher.wait_for_end(job)
        live.finish(job)
        assert watcher.events(job) == numbers(live, job)


@pytest.mark.slow
def test_a_watcher_continues_after_the_bus_was_wiped(live: LiveDeployment, app: App, diary: Diary, gate: Path) -> None:
    job = submit_chain(live, diary, gate)
    live.await_event(job, "node.running", "b", 2)
    with Watcher(app) as watcher:
        watcher.subscribe(job)
        watcher.until(lambda update: len(update["events"]))
        assert live.bus_process is not None
        live.bus_process.kill()
        live.bus_process.wait()
        shutil.rmtree(live.home / "bus" / "appendonlydir")
        live.start_bus()
        gate.touch()
        last = watcher.until(final, 60)
        assert last["status"] == "completed"
        seen = watcher.events(job)
        assert len(seen) == len(set(seen))
        assert all(tuple(map(int, one.split("-"))) < tuple(map(int, other.split("-"))) for one, other in pairwise(seen))
        live.finish(job)
        assert set(numbers(live, job)) <= set(seen)


def test_progress_is_sent_at_most_every_quarter_second(live: LiveDeployment, app: App, diary: Diary) -> None:
    job = live.submit({"a": diary.probe("a", sleep_s=3.0)}).job
    with Watcher(app) as watcher:
        watcher.subscribe(job)
        times: list[float] = []
        fractions: list[float] = []
        while not times or not final(watcher.updates[-1]):
            message = watcher.receive()
            if message.get("type") == "update":
                times.append(time.monotonic())
                fractions.append(message["nodes"]["a"]["fraction"])
    assert fractions == sorted(fractions)
    assert len(set(fractions)) >= 5, fractions
    # A late message may shorten one interval, but not the average of five.
    assert all(times[i + 4] - times[i] > 4 * 0.25 - 0.15 for i in range(len(times) - 4))


def test_the_status_text_of_a_node_is_shown_while_it_runs_and_kept(
    live: LiveDeployment, app: App, diary: Diary, gate: Path
) -> None:
    said = "loading\n the model " + "x" * 400
    job = live.submit({"a": diary.probe("a", say=said, gate=str(gate))}).job
    with Watcher(app) as watcher:
        watcher.subscribe(job)
        update = watcher.until(lambda update: update["nodes"]["a"]["log"])
        (line,) = update["nodes"]["a"]["log"]
        assert line["text"].startswith("loading the model xxx") and len(line["text"]) == 300
        gate.touch()
        watcher.wait_for_end(job)
    (ended,) = [event for event in live.deployment.events(job) if event.type == "node.completed"]
    assert ended.data["log"] == [line]


def test_cancelled_and_failed_jobs_show_how_they_ended(
    live: LiveDeployment, app: App, diary: Diary, gate: Path
) -> None:
    cancelled = live.submit({"a": diary.probe("a", gate=str(gate)), "b": diary.probe("b")}, [("a", "b")]).job
    failed = live.submit({"a": diary.probe("f", "probe.control", bad_input=True)}).job
    with Watcher(app) as watcher:
        watcher.subscribe(failed)
        watcher.subscribe(cancelled)
        end = next((one for one in watcher.updates if one["jobId"] == failed and final(one)), None)
        end = end or watcher.wait_for_end(failed)
        assert (end["status"], end["error"]["code"]) == ("failed", "node.bad_input")
        assert end["error"]["details"]["remedy"] and end["nodes"]["a"]["error"] == end["error"]
        live.await_event(cancelled, "node.running", "a")
        live.deployment.cancel(cancelled)
        end = watcher.wait_for_end(cancelled)
        assert end["status"] == "cancelled"
        assert {node["status"] for node in end["nodes"].values()} == {"cancelled"}


def test_a_waiting_job_shows_its_reason(live: LiveDeployment, app: App) -> None:
    job = live.submit({"a": "probe.elsewhere"}).job
    with Watcher(app) as watcher:
        watcher.subscribe(job)
        update = watcher.until(lambda update: update["waiting"] and "no worker" in update["waiting"])
        assert update["status"] == "queued"
        assert "elsewhere" in update["nodes"]["a"]["waiting"]
        live.deployment.cancel(job)
        assert watcher.wait_for_end(job)["waiting"] == ""


def test_a_queued_job_shows_its_position(live: LiveDeployment, app: App, diary: Diary, gate: Path) -> None:
    first, second, third = (live.submit({"a": diary.probe(name, gate=str(gate))}).job for name in "xyz")
    with Watcher(app) as watcher:
        watcher.subscribe(third)
        update = watcher.until(lambda update: "ahead" in update["waiting"])
        assert update["status"] == "queued" and update["waiting"] == "1 ahead in pool cpu"
        gate.touch()
        watcher.wait_for_end(third)
    for job in (first, second):
        live.finish(job)
