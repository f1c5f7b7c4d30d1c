"""up, status and down, with the real servers."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
from minio import Minio

from tests.stack.conditions import command_of, environment, gone, processes_of, status, wait_for, workbench
from workbench.embedded.process import spawn
from workbench.embedded.run import StackOptions
from workbench.embedded.stack import ensure_running, stop
from workbench.host import PORTABLE
from workbench.settings import load_settings

pytestmark = pytest.mark.stack


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    """An empty home; whatever runs in it is ended after the test, and nothing may be left."""
    place = tmp_path / 'home, with a "blank"'
    yield place
    stop(place)
    wait_for(lambda: not processes_of(place), 20)


def test_up_status_and_down(home: Path) -> None:
    assert workbench(home, "status").returncode == 3
    assert {part["state"] for part in status(home)["parts"]} == {"down"}

    started = workbench(home, "up", "--detach", "--only", "bus,objects,sql", "--json")
    assert started.returncode == 0, started.stderr
    now = status(home)
    assert json.loads(started.stdout)["parts"][0] == now["bus"]
    assert {name: now[name]["state"] for name in ("bus", "objects", "sql", "mlflow", "control", "app")} == {
        "bus": "up",
        "objects": "up",
        "sql": "up",
        "mlflow": "off",
        "control": "off",
        "app": "off",
    }
    assert now["sql"]["pid"] is None and now["app"]["url"] is None
    settings = load_settings(home=home)
    assert settings.bus_url.partition("@")[0] not in started.stdout, "the password is shown"
    assert redis.Redis.from_url(settings.bus_url).ping()
    store = Minio(
        settings.s3_url.removeprefix("http://"),
        access_key=settings.s3_access_key,
        secret_key=settings.s3_secret_key,
        secure=False,
        region=settings.s3_region,
    )
    assert {bucket.name for bucket in store.list_buckets()} == {"workbench", "workbench-mlflow"}

    again = workbench(home, "up", "--detach", "--json")
    assert again.returncode == 0 and json.loads(again.stdout)["pid"] == now["pid"], "a second up joins"

    stopped = workbench(home, "down")
    assert stopped.returncode == 0
    assert processes_of(home) == []
    assert load_settings(home=home).bus_url == ""
    assert workbench(home, "down").returncode == 0, "nothing to stop is not an error"


def test_everything_in_the_home_is_private(home: Path) -> None:
    ensure_running(home, StackOptions(only=("bus", "sql")))
    folders = [home, *(path for path in home.iterdir() if path.is_dir())]
    assert {path.name for path in folders} == {home.name, "bus", "objects", "mlflow", "sql", "logs", "run"}
    assert {oct(path.stat().st_mode & 0o777) for path in folders} == {"0o700"}
    secret = load_settings(home=home).bus_url.partition("@")[0].rpartition(":")[2]
    holding = [path for path in home.rglob("*") if path.is_file() and secret.encode() in path.read_bytes()]
    assert {path.name for path in holding} == {"credentials.json", "stack-settings.json", "valkey.conf"}
    assert {oct(path.stat().st_mode & 0o777) for path in holding} == {"0o600"}
    commands = subprocess.run(["ps", "axww", "-o", "args"], capture_output=True, text=True, check=True).stdout
    assert secret not in commands


def test_two_homes_side_by_side_and_the_same_ports_again(tmp_path: Path, home: Path) -> None:
    other = tmp_path / "other"
    try:
        first = ensure_running(home, StackOptions(only=("bus",))).bus_url
        second = ensure_running(other, StackOptions(only=("bus",))).bus_url
        assert first != second
        redis.Redis.from_url(first).set("whose", "first")
        assert redis.Redis.from_url(second).get("whose") is None
        stop(home)
        assert redis.Redis.from_url(second).ping(), "stopping one leaves the other alone"
        assert ensure_running(home, StackOptions(only=("bus",))).bus_url == first
        assert redis.Redis.from_url(first).get("whose") == b"first", "the data is still there"
    finally:
        stop(other)


def test_a_killed_server_is_restarted_and_reported(home: Path) -> None:
    ensure_running(home, StackOptions(only=("bus",)))
    bus = redis.Redis.from_url(load_settings(home=home).bus_url)
    bus.set("kept", "yes")
    before = status(home)["bus"]["pid"]
    os.kill(before, signal.SIGKILL)

    after = wait_for(lambda: (part := status(home)["bus"])["state"] == "up" and part["restarts"] and part)
    assert after["pid"] != before
    assert after["restarts"] == 1
    assert after["lastExit"] == "signal 9 (SIGKILL)"
    assert "bus: ended with signal 9 (SIGKILL); restart 1 in 0.2 s" in (home / "logs" / "stack.log").read_text()
    assert bus.get("kept") == b"yes"


def test_an_external_server_is_used_and_not_started(home: Path, bus_url: str) -> None:
    given = {"WORKBENCH_BUS_URL": bus_url}
    assert workbench(home, "up", "--detach", "--only", "bus,sql", **given).returncode == 0
    now = status(home)
    assert (now["bus"]["state"], now["bus"]["pid"]) == ("external", None)
    assert load_settings(home=home).bus_url == bus_url, "published to processes without the variable"
    assert redis.Redis.from_url(bus_url).ping()
    stop(home)
    assert redis.Redis.from_url(bus_url).ping(), "not ours to stop"


def test_an_external_part_that_does_not_answer_is_down_and_says_why(home: Path) -> None:
    dead = workbench(home, "status", "--json", WORKBENCH_BUS_URL="redis://127.0.0.1:9/0")
    bus = json.loads(dead.stdout)["parts"][0]
    assert bus["state"] == "down" and "refused" in bus["message"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_roles_before_servers_and_leaves_nothing(home: Path, number: signal.Signals) -> None:
    stack = _start_roles(home, drain_s=0.5)
    stack.send_signal(number)
    output = stack.communicate(timeout=60)[0]
    assert stack.returncode == 0, output
    stopped = [line.partition(":")[0] for line in output.splitlines() if ": stopped" in line]
    assert stopped == ["worker", "control", "bus"]
    for name in ("control", "worker"):
        assert "drained" in (home / f"{name}.diary").read_text(), "it had the time to hand back its work"
    assert wait_for(lambda: processes_of(home) == [], 5)


def test_a_child_of_a_command_in_the_background_has_default_signals(tmp_path: Path) -> None:
    """A shell leaves SIGINT ignored there; a child that inherits it can never be interrupted."""
    log = tmp_path / "child.log"
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        tell = "import signal; print(signal.getsignal(signal.SIGINT) is signal.default_int_handler)"
        child = spawn([sys.executable, "-c", tell], env=os.environ, cwd=tmp_path, log=log)
        assert child.wait(300) == 0
    finally:
        signal.signal(signal.SIGINT, before)
    assert log.read_text().strip() == "True"


@pytest.mark.parametrize("portable", ["0", "1"], ids=["Linux", "portable"])
def test_a_killed_supervisor_leaves_no_process_and_the_next_start_works(home: Path, portable: str) -> None:
    stack = _start_roles(home, drain_s=0.0, **{PORTABLE: portable})
    pids = [status(home)[name]["pid"] for name in ("bus", "control", "worker")]
    grandchildren = [int((home / f"{name}.diary").read_text().split()[1]) for name in ("control", "worker")]
    stack.kill()
    stack.communicate(timeout=10)
    for pid in (*pids, *grandchildren):
        wait_for(lambda pid=pid: gone(pid), 10)  # type: ignore[misc]
    assert status(home)["bus"]["state"] == "down"

    assert ensure_running(home, StackOptions(only=("bus",))).bus_url
    assert status(home)["bus"]["state"] == "up"


def test_processes_of_a_killed_stack_are_ended_at_the_next_start(home: Path) -> None:
    """Supervisor and guard killed, and a role that takes ten minutes to drain: nothing ends it but the next start."""
    stack = _start_roles(home, drain_s=600)
    now = status(home)
    worker = now["worker"]["pid"]
    child = int((home / "worker.diary").read_text().split()[1])
    parts = {part["pid"] for part in now["parts"]}
    guards = [pid for pid in processes_of(home) if pid not in parts and "guard.py" in " ".join(command_of(pid))]
    assert len(guards) == 1
    os.kill(guards[0], signal.SIGKILL)
    stack.kill()
    stack.communicate(timeout=10)
    wait_for(lambda: gone(now["bus"]["pid"]))
    assert not gone(worker) and not gone(child)

    ensure_running(home, StackOptions(only=("bus",)))
    assert gone(worker) and gone(child)
    assert f"worker: ended pid {worker}, left by an earlier stack" in (home / "logs" / "stack.log").read_text()
    assert status(home)["bus"]["state"] == "up"


def test_a_server_that_hangs_is_failing_and_recovers(home: Path) -> None:
    ensure_running(home, StackOptions(only=("bus",)))
    bus = status(home)["bus"]["pid"]
    os.kill(bus, signal.SIGSTOP)
    try:
        hung = status(home)["bus"]
        assert hung["state"] == "failing" and "timed out" in hung["message"]
        wait_for(lambda: "bus: stopped responding" in (home / "logs" / "stack.log").read_text())
        assert status(home)["bus"]["state"] == "failing"
    finally:
        os.kill(bus, signal.SIGCONT)
    wait_for(lambda: status(home)["bus"]["state"] == "up")
    assert status(home)["bus"]["pid"] == bus, "a hung server is not killed: it may be busy"


def test_two_concurrent_starts_create_one_stack(home: Path) -> None:
    command = [sys.executable, "-m", "tests.stack.cli", "up", "--detach", "--only", "bus", "--json"]
    starts = [subprocess.Popen(command, env=environment(home), stdout=subprocess.PIPE, text=True) for _ in range(3)]
    answers = [json.loads(start.communicate(timeout=60)[0]) for start in starts]
    assert len({answer["pid"] for answer in answers}) == 1
    assert all(answer["parts"][0]["state"] == "up" for answer in answers)


def _start_roles(home: Path, drain_s: float, **more: str) -> subprocess.Popen[str]:
    stack = subprocess.Popen(
        [sys.executable, "-m", "tests.stack.run_roles", str(home), str(drain_s)],
        env=environment(home, **more),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    wait_for(lambda: [part["state"] for part in status(home)["parts"][4:6]] == ["up", "up"])
    return stack
