"""The messages between a supervisor and its executor: a typed union for each direction.

The executor sends reports, which get no response, and requests, each of which gets one response. The supervisor sends
commands and responses. The two processes may run on different interpreters, so the executor's first message contains
the version of this module, and a different version is refused. Increase ``VERSION`` with every change here.

msgspec instead of pydantic, because a result passes from the executor to the bus without being parsed (``Raw``).
"""

from __future__ import annotations

import socket
from typing import Any, Generic, TypeVar

import msgspec
from msgspec import Raw
from pydantic import BaseModel

from schemas.approval import Decision, Question
from schemas.errors import ErrorInfo
from schemas.event import LogLine, NodeFailure
from schemas.refs import Ref, read_ref
from schemas.series import Series
from schemas.status import NodeStatus
from workbench.bus.results import Verdict
from workbench.engine.wire import Closed, Wire

VERSION = 3


class Message(msgspec.Struct, tag_field="kind", tag=str.lower, forbid_unknown_fields=True):
    """One frame."""


# -- executor to supervisor: reports ----------------------------------------------------------------------------------


class Ready(Message):
    """The first message: the executor can run nodes."""

    version: int
    pid: int
    services: list[dict[str, Any]]  # their manifests
    sources: dict[str, tuple[int, int] | None]  # source files of its nodes -> stamps of the versions that it read


class Models(Message):
    """The models that the executor keeps loaded; sent when they have changed."""

    keys: list[str]


class Edited(Message):
    """A node's source or model is no longer that of the job: the executor starts no further node of this run."""

    run: int


class End(Message):
    """The executor has ended the run."""

    run: int


class NodeMessage(Message):
    """A message about one node of a run."""

    run: int
    node: str


class Started(NodeMessage):
    """The node starts. Not sent in a chain, where the supervisor can tell."""


class Skipped(NodeMessage):
    """No incoming edge of the node fired."""


class ProgressMade(NodeMessage):
    done: float
    total: float
    unit: str


class SeriesMade(NodeMessage):
    points: Series  # by metric


class Logged(NodeMessage):
    line: LogLine


class Previewed(NodeMessage):
    path: str
    media_type: str


class Stored(NodeMessage):
    """A file is in the shared cache, to be uploaded before anything refers to it."""

    ref: Ref


class PartDone(NodeMessage):
    index: int
    part: Raw  # as JSON


# -- executor to supervisor: requests ---------------------------------------------------------------------------------


class Request(NodeMessage, kw_only=True):
    """A message that gets a response."""

    id: int = 0  # assigned when it is sent


class Fetch(Request):
    """Requests a local file with the artifact's bytes. Response: Fetched."""

    ref: Ref


class Claim(Request):
    """Claims the computation of a node. Response: Known, or Outcome OK (compute it), BUSY or PARKED."""

    key: str  # content key of a result that may be known; empty if it is not known yet
    computation: str  # key of the computation; other nodes with the same one wait for this one


class Ask(Request):
    """Asks a person. Response: Decided, or Outcome PARKED."""

    question: Question


class Receive(Request):
    """Requests a node's parts from an index on. Response: Parts, Whole after the last one, or Outcome.

    If the part is not finished, the outcome is PARKED, or OK if the node does not wait.
    """

    producer: str
    index: int
    so_far: str | None  # what the node has cost and reported, for its next take; None if it does not wait


class Failed(Request):
    """Reports a failed attempt. Response: Outcome FINAL or RETRY."""

    failure: NodeFailure


class Done(Request):
    """The node completed. With an id, the executor asks whether it may continue. Response: Outcome OK or YIELD."""

    body: Raw  # NodeResult as JSON
    key: str  # content key; empty if other jobs must not use the result


# -- supervisor to executor: commands ---------------------------------------------------------------------------------


class Run(Message):
    """Run the open nodes of a segment."""

    run: int
    worker: str
    attempt: int
    spec: Raw  # SegmentSpec as JSON
    status: dict[str, NodeStatus]
    outputs: dict[str, dict[str, Any]]
    parts: dict[str, list[Raw]]  # finished parts of long outputs, by node


class Cancel(Message):
    """End the run at once."""

    run: int


class Hold(Message):
    """Start no further node of the run."""

    run: int


# -- supervisor to executor: responses --------------------------------------------------------------------------------


class Answer(Message):
    """The response to the request with that id."""

    id: int


class Outcome(Answer):
    verdict: Verdict


class Fetched(Answer):
    path: str


class Known(Answer):
    result: Raw  # NodeResult as JSON


class Parts(Answer):
    parts: list[Raw]  # as JSON, at least one
    computation: str  # key of their producer's computation; empty if its result is not cached
    earlier: str = ""  # what the node had cost and reported when it last waited


class Whole(Answer):
    result: Raw  # the producer's NodeResult as JSON
    earlier: str = ""  # as of Parts


class Decided(Answer):
    decision: Decision


class Refused(Answer):
    """The request failed."""

    error: ErrorInfo


class GivenUp(Answer):
    """This executor has lost the segment."""


FromExecutor = (
    Ready
    | Models
    | Edited
    | End
    | Started
    | Skipped
    | ProgressMade
    | SeriesMade
    | Logged
    | Previewed
    | Stored
    | PartDone
    | Fetch
    | Claim
    | Ask
    | Receive
    | Failed
    | Done
)
ToExecutor = Run | Cancel | Hold | Outcome | Fetched | Known | Parts | Whole | Decided | Refused | GivenUp

M = TypeVar("M")


class Unreadable(Closed):
    """The other side sent an invalid message, so nothing that it sends is reliable."""


class OtherVersion(Unreadable):
    """The executor uses another version of the messages."""

    def __init__(self, version: int) -> None:
        super().__init__(f"it uses version {version} of the messages, this process uses version {VERSION}")
        self.version = version


class Channel(Generic[M]):
    """One end of the connection: sends any message, receives those of one union. Threads as for ``Wire``."""

    def __init__(self, end: socket.socket, incoming: Any) -> None:
        self._wire = Wire(end)
        self._decoder: msgspec.json.Decoder[M] = msgspec.json.Decoder(incoming, dec_hook=_read_model)

    def send(self, message: Message) -> None:
        """Raises Closed."""
        self._wire.send(_ENCODER.encode(message))

    def receive(self, timeout_s: float | None = None) -> M | None:
        """The next message, or None after the timeout. Raises Closed, Unreadable."""
        body = self._wire.receive(timeout_s)
        return None if body is None else self._decode(body)

    def receive_first(self, timeout_s: float) -> M | None:
        """Like ``receive``, for the message with the version. Also raises OtherVersion."""
        body = self._wire.receive(timeout_s)
        if body is None:
            return None
        try:
            version = msgspec.json.decode(body, type=_Greeting).version
        except msgspec.MsgspecError as error:
            raise Unreadable(str(error)) from error
        if version != VERSION:
            raise OtherVersion(version)
        return self._decode(body)

    def close(self) -> None:
        self._wire.close()

    def _decode(self, body: bytes) -> M:
        try:
            return self._decoder.decode(body)
        except msgspec.MsgspecError as error:
            raise Unreadable(str(error)) from error


def to_executor(end: socket.socket) -> Channel[FromExecutor]:
    """The supervisor's end."""
    return Channel(end, FromExecutor)


def to_supervisor(end: socket.socket) -> Channel[ToExecutor]:
    """The executor's end."""
    return Channel(end, ToExecutor)


class _Greeting(msgspec.Struct):
    """The part of the first message that all versions share; the oldest had no version."""

    version: int = 0


def _write_model(value: Any) -> Any:
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    raise NotImplementedError(f"a message cannot contain {type(value).__name__}")


def _read_model(model: type[Any], value: Any) -> Any:
    if model is not Ref:
        return model.model_validate(value)
    ref = read_ref(value)
    if ref is None:
        raise ValueError("not a reference to an artifact")
    return ref


_ENCODER = msgspec.json.Encoder(enc_hook=_write_model)
