"""The executor: the process that keeps models warm and runs node functions. It knows its supervisor and nothing else.

Run as ``python -m workbench.engine.executor FD PARENT CACHE BYTES WORK``; what it says and hears is in ``messages.py``.
"""

from __future__ import annotations

import faulthandler
import os
import queue
import signal
import socket
import sys
import threading
from collections.abc import Mapping
from concurrent.futures import Future
from pathlib import Path

import msgspec

from nodes.context import Cancelled
from nodes.identity import sources as sources_of
from nodes.manifest import manifests
from nodes.model_cache import ModelCache
from nodes.registry import services
from nodes.sdk import NodeDeclaration
from schemas.errors import WorkbenchError
from schemas.refs import Ref
from schemas.segment import SegmentSpec
from schemas.status import NodeStatus
from workbench.engine.compile import run_shape
from workbench.engine.messages import (
    VERSION,
    Answer,
    Cancel,
    Channel,
    End,
    Fetch,
    Fetched,
    GivenUp,
    Hold,
    Models,
    Ready,
    Refused,
    Request,
    Run,
    ToExecutor,
    Unreadable,
    to_supervisor,
)
from workbench.engine.run_segment import Abandoned, SegmentRun, shape_of
from workbench.engine.wire import Closed
from workbench.host import this_host
from workbench.store.local_cache import LocalCache


class Executor:
    """Runs one segment at a time; answers and cancellations arrive on a second thread."""

    def __init__(
        self, channel: Channel[ToExecutor], cache: LocalCache, workdir: Path, settings: dict[str, str]
    ) -> None:
        self.channel = channel
        self.cache = cache
        self.workdir = workdir
        self.settings = settings
        self.models = ModelCache()
        self._told_loads = 0
        self.services: Mapping[str, NodeDeclaration] = services()
        self.cancelled_runs: set[int] = set()
        self.held_runs: set[int] = set()  # their supervisor drains: no further node of them starts
        self.runs: queue.SimpleQueue[Run] = queue.SimpleQueue()
        self._asked: dict[int, Future[Answer]] = {}
        self._question = 0
        self._lock = threading.Lock()

    def ask(self, request: Request) -> Answer:
        """Send a request to the supervisor and wait for its answer.

        Raises the WorkbenchError it answers with, and Cancelled where the segment was given up.
        """
        answer: Future[Answer] = Future()
        with self._lock:
            self._question += 1
            question = self._question
            self._asked[question] = answer
        self.channel.send(msgspec.structs.replace(request, id=question))
        reply = answer.result()
        if isinstance(reply, GivenUp):
            raise Cancelled  # nobody is at fault
        if isinstance(reply, Refused):
            raise WorkbenchError.from_info(reply.error)
        return reply

    def fetch(self, ref: Ref, run: int, node: str) -> Path:
        """A local file with the artifact's bytes, for a node that runs."""
        path = self.cache.path(ref)
        if path is not None:
            return path
        answer = self.ask(Fetch(run, node, ref))
        assert isinstance(answer, Fetched)
        return Path(answer.path)

    def tell_models(self) -> None:
        """Say which models are loaded, where that has changed."""
        if self.models.loads != self._told_loads:
            self._told_loads = self.models.loads
            self.channel.send(Models(list(self.models.keys)))

    def serve(self) -> None:
        """Read messages until the supervisor is gone; runs are handed to the main thread."""
        while True:
            message = self.channel.receive()
            if isinstance(message, Run):
                self.runs.put(message)
            elif isinstance(message, Cancel):
                self.cancelled_runs.add(message.run)
            elif isinstance(message, Hold):
                self.held_runs.add(message.run)
            elif isinstance(message, Answer):
                with self._lock:
                    answer = self._asked.pop(message.id, None)
                if answer is not None:
                    answer.set_result(message)

    def run(self, message: Run) -> None:
        """Run one segment; the outcome of each node has been reported when this returns."""
        spec = SegmentSpec.model_validate_json(bytes(message.spec))
        segment = SegmentRun(self, spec, message)
        try:
            run_shape(shape_of(spec), segment.run_node, segment.known)
        except (Abandoned, Cancelled):
            pass
        finally:
            segment.close()
        # Not after any other exception: that ends this process, which is how the supervisor hears of it.
        self.channel.send(End(message.run))
        self.cancelled_runs.discard(message.run)
        self.held_runs.discard(message.run)

    def main(self) -> None:
        """Read on a second thread, run on this one, for ever."""

        def read() -> None:
            try:
                self.serve()
            except Unreadable as error:
                print(f"the supervisor's message cannot be read: {error}", file=sys.stderr, flush=True)
                os._exit(1)
            except Closed:
                os._exit(0)  # no supervisor: nothing this process does could become visible

        threading.Thread(target=read, name="wire", daemon=True).start()
        manifest = [item.model_dump(mode="json") for item in manifests(self.services)]
        sources = sources_of(declaration.run.__module__ for declaration in self.services.values())
        self.channel.send(Ready(VERSION, os.getpid(), manifest, sources))
        while True:
            self.run(self.runs.get())


def start(arguments: list[str]) -> None:
    """Entry point of the process: descriptor, parent pid, cache folder, cache bytes, work folder."""
    fd, parent, cache_folder, cache_bytes, work_folder = arguments
    this_host().end_with_parent(int(parent))
    faulthandler.enable()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    settings = {
        name.removeprefix("WORKBENCH_").lower(): value
        for name, value in os.environ.items()
        if name.startswith("WORKBENCH_")
    }
    channel = to_supervisor(socket.socket(fileno=int(fd)))
    executor = Executor(channel, LocalCache(Path(cache_folder), int(cache_bytes)), Path(work_folder), settings)
    # Warm what every run needs, before the supervisor takes work: a first compile costs 10 ms, the import a second.
    run_shape(((),), lambda _position, _states: NodeStatus.COMPLETED, {})
    executor.main()


if __name__ == "__main__":
    start(sys.argv[1:])
