"""The benchmark's hold on a driver process: ask, stop while others are measured, go on, end."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import psutil

from benchmarks.peers.system import SUBMITTERS, URL_VARIABLE

ROOT = Path(__file__).parents[2]
ANSWER_TIMEOUT_S = 300.0


class Driver:
    """One system, up and running. Its workers answered a first task when the constructor returns."""

    def __init__(self, name: str, url: str, log: Path, others: Sequence[int] = ()) -> None:
        """``others``: pids outside the driver that belong to the system; they are stopped and continued with it."""
        self.name = name
        self._log = log.open("ab")
        self._log_path = log
        self._others = others
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.peers.driver", name],
            cwd=ROOT,
            env={**os.environ, URL_VARIABLE: url},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            start_new_session=True,
        )
        self.ask("chain", 1)
        self.ask("burst", 2 * SUBMITTERS)

    def ask(self, what: str, count: int) -> Any:
        """Measure: see `driver.measure_blocking`. Blocks until it is done."""
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(f"{json.dumps([what, count])}\n".encode())
        self._process.stdin.flush()
        ready, _, _ = select.select([self._process.stdout], [], [], ANSWER_TIMEOUT_S)
        line = self._process.stdout.readline() if ready else b""
        if not line:
            tail = self._log_path.read_text(errors="replace")[-3000:]
            raise RuntimeError(f"{self.name} did not answer {what} {count}:\n{tail}")
        return json.loads(line)

    def pause(self) -> None:
        """Stop all its processes: idle pollers would take processor time from whoever is measured."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        self._signal(signal.SIGCONT)

    def close(self) -> None:
        """End it, and with it its workers."""
        self.resume()
        assert self._process.stdin
        self._process.stdin.close()
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
        self._log.close()

    def _signal(self, number: signal.Signals) -> None:
        for process in self._tree():
            try:
                process.send_signal(number)
            except psutil.NoSuchProcess:
                continue

    def _tree(self) -> list[psutil.Process]:
        found = []
        for pid in (self._process.pid, *self._others):
            try:
                root = psutil.Process(pid)
                found += [root, *root.children(recursive=True)]
            except psutil.NoSuchProcess:
                continue
        return found
