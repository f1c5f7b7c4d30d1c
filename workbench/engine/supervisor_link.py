"""The executor's side of the connection to its supervisor."""

from __future__ import annotations

import queue
import threading
from concurrent.futures import Future

import msgspec

from nodes.context import Cancelled
from schemas.errors import WorkbenchError
from workbench.engine.messages import (
    Answer,
    Cancel,
    Channel,
    End,
    GivenUp,
    Hold,
    Message,
    Refused,
    Request,
    Run,
    ToExecutor,
)


class SupervisorLink:
    """Sends reports and requests from any thread. ``listen`` receives commands and responses on a separate thread."""

    def __init__(self, channel: Channel[ToExecutor]) -> None:
        self._channel = channel
        self.runs: queue.SimpleQueue[Run] = queue.SimpleQueue()
        self._cancelled: set[int] = set()
        self._held: set[int] = set()  # no further node of these runs starts, because the supervisor drains
        self._asked: dict[int, Future[Answer]] = {}
        self._requests = 0
        self._lock = threading.Lock()

    def send(self, message: Message) -> None:
        """Raises Closed."""
        self._channel.send(message)

    def ask(self, request: Request) -> Answer:
        """Send a request and wait for its response.

        Raises the WorkbenchError of the response, and Cancelled if the segment is lost.
        """
        answer: Future[Answer] = Future()
        with self._lock:
            self._requests += 1
            number = self._requests
            self._asked[number] = answer
        self.send(msgspec.structs.replace(request, id=number))
        reply = answer.result()
        if isinstance(reply, GivenUp):
            raise Cancelled  # not a failure
        if isinstance(reply, Refused):
            raise WorkbenchError.from_info(reply.error)
        return reply

    def listen(self) -> None:
        """Read messages until the supervisor ends. Raises Closed, Unreadable."""
        while True:
            message = self._channel.receive()
            if isinstance(message, Run):
                self.runs.put(message)
            elif isinstance(message, Cancel):
                self._cancelled.add(message.run)
            elif isinstance(message, Hold):
                self._held.add(message.run)
            elif isinstance(message, Answer):
                with self._lock:
                    answer = self._asked.pop(message.id, None)
                if answer is not None:
                    answer.set_result(message)

    def cancelled(self, run: int) -> bool:
        return run in self._cancelled

    def held(self, run: int) -> bool:
        return run in self._held

    def end(self, run: int) -> None:
        """Report the end of a run."""
        self.send(End(run))
        self._cancelled.discard(run)
        self._held.discard(run)
