"""The folder of a request: created and removed outside the event loop, and always removed at the end."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.stack.conditions import wait_for
from workbench.app.uploads.request_folder import folder_of_request


class Disk:
    """The real disk with delays: the events ``makes`` and ``removes`` let an operation continue."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.makes, self.removes = threading.Event(), threading.Event()
        self.began: list[str] = []
        self.loops: list[bool] = []
        for module, name, gate in ((tempfile, "mkdtemp", self.makes), (shutil, "rmtree", self.removes)):
            monkeypatch.setattr(module, name, self._slow(name, getattr(module, name), gate))

    def _slow(self, name: str, real: Any, gate: threading.Event) -> Any:
        def slow(*args: Any, **named: Any) -> Any:
            self.loops.append(threading.current_thread() is threading.main_thread())
            self.began.append(name)
            assert gate.wait(20)
            return real(*args, **named)

        return slow


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Iterator[Disk]:
    disk = Disk(monkeypatch)
    yield disk
    disk.makes.set()
    disk.removes.set()


def nothing_left(home: Path) -> bool:
    return not list((home / "incoming").glob("*"))


async def until(condition: Any) -> None:
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0.001)


async def request(home: Path, ends: asyncio.Event, fault: Exception | None = None) -> None:
    async with folder_of_request(home) as folder:
        (folder / "0.part").write_bytes(b"x")
        await ends.wait()
        if fault is not None:
            raise fault


def test_the_event_loop_continues_while_the_disk_is_slow(disk: Disk, tmp_path: Path) -> None:
    async def scene() -> None:
        (ends := asyncio.Event()).set()
        running = asyncio.create_task(request(tmp_path, ends))
        await until(lambda: disk.began == ["mkdtemp"])  # the loop runs, and no folder exists yet
        disk.makes.set()
        await until(lambda: disk.began == ["mkdtemp", "rmtree"])
        assert not running.done() and not nothing_left(tmp_path)
        disk.removes.set()
        await running
        assert nothing_left(tmp_path), "the folder is removed before the answer"

    asyncio.run(scene())
    assert disk.loops == [False, False]


@pytest.mark.parametrize("when", ["fault", "made", "inside", "removed"])
def test_every_end_of_a_request_removes_its_folder(disk: Disk, tmp_path: Path, when: str) -> None:
    async def scene() -> None:
        ends = asyncio.Event()
        running = asyncio.create_task(request(tmp_path, ends, OSError("gone") if when == "fault" else None))
        if when != "made":
            disk.makes.set()
        if when in ("fault", "removed"):
            ends.set()
        if when in ("inside", "removed"):
            last = "rmtree" if when == "removed" else "mkdtemp"
            await until(lambda: disk.began[-1:] == [last] and not nothing_left(tmp_path))
            await until(lambda: when == "removed" or list((tmp_path / "incoming").glob("*/0.part")))
        else:
            await until(lambda: disk.began)
        if when == "fault":
            disk.removes.set()
            with pytest.raises(OSError, match="gone"):
                await running
            return
        running.cancel()
        disk.makes.set()
        disk.removes.set()
        with pytest.raises(asyncio.CancelledError):
            await running

    asyncio.run(scene())
    wait_for(lambda: disk.began == ["mkdtemp", "rmtree"] and nothing_left(tmp_path))
