"""One system in a process of its own: its client measures on request, its workers are this process's children.

Separate processes, because libraries share module state (brokers, event loops, garbage) and none may slow another. Run
as ``python -m benchmarks.peers.driver NAME``; a line on stdin is a JSON list
(what, count), a line on stdout the answer.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import inspect
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from benchmarks.peers.system import BURST_POLL_S, POLL_S, SUBMITTERS, Awaiting, Blocking

Answer = list[float] | float
_submitters = ThreadPoolExecutor(SUBMITTERS)


def main(name: str) -> None:
    """Serve until stdin closes; then end the workers."""
    module: Any = importlib.import_module(f"benchmarks.peers.{name}_peer")
    with running(module.WORKERS):
        if inspect.iscoroutinefunction(module.wait):
            import uvloop

            with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                client = module.client()
                runner.run(client.__aenter__())
                serve(lambda what, count: runner.run(measure_awaiting(module, what, count)))
                runner.run(client.__aexit__(None, None, None))
        else:
            serve(lambda what, count: measure_blocking(module, what, count))


def serve(measure: Callable[[str, int], Answer]) -> None:
    """Answer one request a line."""
    for line in sys.stdin:
        what, count = json.loads(line)
        print(json.dumps(measure(what, count)), flush=True)


def measure_blocking(module: Blocking, what: str, count: int) -> Answer:
    """``single``, ``chain``: milliseconds of each; ``burst``: seconds from the first submit to the last result."""
    if what == "burst":
        return _seconds_of_threads(lambda share: _submit_and_wait(module, share), count)
    submit = module.submit_single if what == "single" else module.submit_chain
    taken = []
    for _ in range(count):
        began = time.perf_counter()
        module.wait(submit(), POLL_S)
        taken.append((time.perf_counter() - began) * 1e3)
    return taken


def _submit_and_wait(module: Blocking, count: int) -> None:
    for handle in [module.submit_chain() for _ in range(count)]:
        module.wait(handle, BURST_POLL_S)


def _seconds_of_threads(work: Callable[[int], None], count: int) -> float:
    """The threads live as long as this process: what a library keeps by thread is made once."""
    together = threading.Barrier(SUBMITTERS + 1)

    def share_of(share: int) -> None:
        together.wait()
        work(share)

    ended = [_submitters.submit(share_of, share) for share in _shares(count)]
    together.wait()
    began = time.perf_counter()
    for future in ended:
        future.result()
    return time.perf_counter() - began


def measure_awaiting(module: Awaiting, what: str, count: int) -> Coroutine[Any, Any, Answer]:
    """The same for an asynchronous client."""

    async def submit_and_wait(share: int) -> None:
        for handle in [await module.submit_chain() for _ in range(share)]:
            await module.wait(handle, BURST_POLL_S)

    async def measured() -> Answer:
        if what == "burst":
            began = time.perf_counter()
            await asyncio.gather(*(submit_and_wait(share) for share in _shares(count)))
            return time.perf_counter() - began
        submit = module.submit_single if what == "single" else module.submit_chain
        taken = []
        for _ in range(count):
            began = time.perf_counter()
            await module.wait(await submit(), POLL_S)
            taken.append((time.perf_counter() - began) * 1e3)
        return taken

    return measured()


def _shares(count: int) -> list[int]:
    return [count // SUBMITTERS + (1 if index < count % SUBMITTERS else 0) for index in range(SUBMITTERS)]


@contextlib.contextmanager
def running(workers: list[list[str]]) -> Iterator[None]:
    """The workers as child processes, in this process's group: whoever stops the group stops them all."""
    started = [
        subprocess.Popen([sys.executable, *arguments], stdin=subprocess.DEVNULL, stdout=sys.stderr)
        for arguments in workers
    ]
    try:
        yield
    finally:
        for process in started:
            process.send_signal(signal.SIGTERM)
        for process in started:
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


if __name__ == "__main__":
    os.environ.setdefault("PYTHONWARNINGS", "ignore")
    main(sys.argv[1])
