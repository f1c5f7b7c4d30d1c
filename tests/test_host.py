"""The hosts: what Linux does by its kernel, the portable one does by other means. Both run here."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.stack.conditions import gone, wait_for
from workbench.host import PORTABLE, Host, lock, python_module, this_host

ROOT = Path(__file__).parents[1]
BOTH = ["0", "1"] if sys.platform == "linux" else ["1"]


@pytest.fixture(params=BOTH, ids=lambda value: "portable" if value == "1" else "Linux")
def host(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Host]:
    """The host of this process and of those it starts."""
    monkeypatch.setenv(PORTABLE, request.param)
    this_host.cache_clear()
    yield this_host()
    this_host.cache_clear()


def run(code: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", code, *arguments], cwd=ROOT, capture_output=True, text=True)


def test_an_ended_child_is_detected_and_can_still_be_waited_for(host: Host) -> None:
    program = [sys.executable, "-c", "import sys; sys.stdin.read(); sys.exit(7)"]
    with subprocess.Popen(program, stdin=subprocess.PIPE) as child:
        assert not host.has_exited(child.pid)
        assert child.stdin
        child.stdin.close()
        wait_for(lambda: host.has_exited(child.pid))
        assert child.wait() == 7
    assert host.has_exited(child.pid)


def test_memory_is_measured(host: Host) -> None:
    assert host.resident_bytes() == pytest.approx(psutil.Process().memory_info().rss, rel=0.1)
    host.peak_bytes()
    held = bytearray(200 << 20)
    del held
    assert host.peak_bytes() >= host.resident_bytes() + (100 << 20)


def test_a_process_is_killed_with_its_parent(host: Host) -> None:
    code = """
import os, subprocess, sys
if sys.argv[1:]:
    from workbench.host import this_host
    this_host().end_with_parent(int(sys.argv[1]))
    print(os.getpid(), flush=True)
    while True:
        pass
with subprocess.Popen([sys.executable, "-c", os.environ["CODE"], str(os.getpid())]) as child:
    pass
"""
    parent = subprocess.Popen(
        [sys.executable, "-c", code], cwd=ROOT, env={**os.environ, "CODE": code}, stdout=subprocess.PIPE, text=True
    )
    assert parent.stdout
    with parent, parent.stdout:
        child = int(parent.stdout.readline())
        assert not gone(child)
        parent.send_signal(signal.SIGKILL)
        wait_for(lambda: gone(child))


def test_a_process_whose_parent_is_gone_ends_at_once(host: Host) -> None:
    ended = run("from workbench.host import this_host; this_host().end_with_parent(1 << 22); print('goes on')")
    assert (ended.returncode, ended.stdout) == (0, "")


def test_memory_is_bounded(host: Host) -> None:
    code = """
from workbench.host import this_host
this_host().limit_memory(600 << 20, 90)
held = [bytearray(bytes([1]) * (16 << 20)) for _ in range(100)]
print("goes on")
"""
    ended = run(code)
    assert "goes on" not in ended.stdout
    assert "MemoryError" in ended.stderr or ended.returncode == 90


def test_only_linux_reports_the_account_of_a_connection(host: Host) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()) as client:
        ends = client.getsockname(), server.getsockname()
        assert host.account_of(*ends) == (None if type(host) is Host else os.getuid())
    assert host.account_of(*ends) is None


def test_one_of_several_holds_a_lock_and_others_share_one(tmp_path: Path) -> None:
    place = tmp_path / "lock"
    with place.open("w") as first, place.open() as second:
        assert lock(first) and not lock(second, wait=False)
    with place.open() as first, place.open() as second, place.open() as third:
        assert lock(first, shared=True) and lock(second, shared=True) and not lock(third, wait=False)


def test_a_lock_is_released_with_its_process(tmp_path: Path) -> None:
    place = tmp_path / "lock"
    place.touch()
    code = "import sys, time; from workbench.host import lock; file = open(sys.argv[1]); print(lock(file), flush=True)"
    holder = subprocess.Popen(
        [sys.executable, "-c", f"{code}; time.sleep(600)", str(place)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    assert holder.stdout
    with holder, holder.stdout, place.open() as file:
        assert holder.stdout.readline() == "True\n" and not lock(file, wait=False)
        holder.kill()
        assert lock(file)


def test_every_command_that_runs_a_module_is_built_in_one_place() -> None:
    sources = (ROOT / "workbench").rglob("*.py")
    # The second one runs before anything is installed, when the first cannot be imported.
    assert sorted(path.parent.name for path in sources if '"-m"' in path.read_text()) == ["environments", "host"]


def test_modules_of_the_current_folder_do_not_reach_a_child(tmp_path: Path) -> None:
    (tmp_path / "workbench.py").write_text("raise RuntimeError('imported from the current folder')")
    ended = subprocess.run(
        python_module("workbench.cli.main", "--help"), cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stderr
