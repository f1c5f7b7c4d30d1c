"""The executor: the process that keeps models loaded and runs node functions. It only communicates with its supervisor.

Run as ``python -m workbench.engine.executor FD PARENT CACHE BYTES WORK``; ``messages.py`` defines its messages.
"""

from __future__ import annotations

import faulthandler
import os
import signal
import socket
import sys
import threading
from pathlib import Path

from nodes.context import Cancelled
from nodes.identity import sources as sources_of
from nodes.manifest import manifests
from nodes.model_cache import ModelCache
from nodes.registry import services
from schemas.status import NodeStatus
from workbench.engine.compile import run_shape
from workbench.engine.messages import VERSION, Channel, Ready, Run, ToExecutor, Unreadable, to_supervisor
from workbench.engine.run_state import Abandoned, ExecutorParts, RunState
from workbench.engine.segment_run import SegmentRun
from workbench.engine.supervisor_link import SupervisorLink
from workbench.engine.wire import Closed
from workbench.host import this_host
from workbench.store.local_cache import LocalCache


class Executor:
    """Runs one segment at a time. A second thread receives commands and responses."""

    def __init__(
        self, channel: Channel[ToExecutor], cache: LocalCache, workdir: Path, settings: dict[str, str]
    ) -> None:
        self.link = SupervisorLink(channel)
        self.parts = ExecutorParts(self.link, cache, ModelCache(), workdir, settings, services())

    def run(self, message: Run) -> None:
        """Run one segment. When this returns, the outcome of each node has been reported."""
        segment = SegmentRun(RunState(self.parts, message))
        try:
            run_shape(segment.shape, segment.run_node, segment.known)
        except (Abandoned, Cancelled):
            pass
        finally:
            segment.close()
        # Not after other exceptions: those end this process, and the supervisor notices that.
        self.link.end(message.run)

    def main(self) -> None:
        """Receive on a second thread and run segments on this one, forever."""

        def read() -> None:
            try:
                self.link.listen()
            except Unreadable as error:
                print(f"the supervisor's message cannot be read: {error}", file=sys.stderr, flush=True)
                os._exit(1)
            except Closed:
                os._exit(0)  # without a supervisor, no result of this process could become visible

        threading.Thread(target=read, name="wire", daemon=True).start()
        declared = self.parts.services
        manifest = [item.model_dump(mode="json") for item in manifests(declared)]
        sources = sources_of(declaration.run.__module__ for declaration in declared.values())
        self.link.send(Ready(VERSION, os.getpid(), manifest, sources))
        while True:
            self.run(self.link.runs.get())


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
    # Import LangGraph before the supervisor takes work; otherwise that second would count towards a node's timeout.
    run_shape(((), (0,)), lambda _position, _states: NodeStatus.COMPLETED, {})
    executor.main()


if __name__ == "__main__":
    start(sys.argv[1:])
