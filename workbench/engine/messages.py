"""What a supervisor and its executor say to each other: one typed union of messages each way.

The executor sends reports, which nobody answers, and requests, each of which gets one answer. The supervisor sends
commands and answers. The two processes may run on different interpreters, so the executor's first message names the
version of this module, and another version is refused. Raise ``VERSION`` with every change here.

msgspec rather than pydantic: a result goes from the executor to the bus unread (``Raw``).
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
from schemas.status import NodeStatus
from workbench.bus.answers import Verdict
from workbench.engine.wire import Closed, Wire

VERSION = 1


class Message(msgspec.Struct, tag_field="kind", tag=str.lower, forbid_unknown_fields=True):
    """One frame."""


# -- executor to supervisor: reports ----------------------------------------------------------------------------------


class Ready(Message):
    """The first message: the executor can run nodes."""

    version: int
    pid: int
    services: list[dict[str, Any]]  # the manifest of each
    sources: dict[str, tuple[int, int] | None]  # files of its nodes -> when they were written, as it read them


class Models(Message):
    """The models that the executor keeps loaded, where that has changed."""

    keys: list[str]


class Edited(Message):
    """A node's source was edited: the executor begins no further node of this run."""

    run: int


class End(Message):
    """The executor has let go of the run."""

    run: int


class NodeMessage(Message):
    """Something about one node of a run."""

    run: int
    node: str


class Started(NodeMessage):
    """The node begins. Not sent in a chain, where the supervisor knows."""


class Skipped(NodeMessage):
    """No incoming edge of the node fired."""


class ProgressMade(NodeMessage):
    done: float
    total: float
    unit: str


class Logged(NodeMessage):
    line: LogLine


class Previewed(NodeMessage):
    path: str
    media_type: str


class Stored(NodeMessage):
    """A file is in the shared cache and is to be uploaded before anything names it."""

    ref: Ref


class PartDone(NodeMessage):
    index: int
    ref: Ref


# -- executor to supervisor: requests ---------------------------------------------------------------------------------


class Request(NodeMessage, kw_only=True):
    """Something that is answered."""

    id: int = 0  # given as it is sent


class Fetch(Request):
    """Wants a local file with the artifact's bytes: Fetched."""

    ref: Ref


class Claim(Request):
    """Asks before a node is computed: Known, or Outcome OK (compute it), BUSY or PARKED."""

    key: str


class Ask(Request):
    """Asks a person: Decided, or Outcome PARKED."""

    question: Question


class Failed(Request):
    """An attempt failed: Outcome FINAL or RETRY."""

    failure: NodeFailure


class Done(Request):
    """The node completed. With an id it wants to know whether it may go on: Outcome OK or YIELD."""

    body: Raw  # a NodeResult as JSON
    key: str  # content key; empty where no other job is given the result


# -- supervisor to executor: commands ---------------------------------------------------------------------------------


class Run(Message):
    """Run the open nodes of a segment."""

    run: int
    worker: str
    attempt: int
    spec: Raw  # a SegmentSpec as JSON
    status: dict[str, NodeStatus]
    outputs: dict[str, dict[str, Any]]
    parts: dict[str, list[Ref]]


class Cancel(Message):
    """Let go of the run at once."""

    run: int


class Hold(Message):
    """Begin no further node of the run."""

    run: int


# -- supervisor to executor: answers ----------------------------------------------------------------------------------


class Answer(Message):
    """To the request of that id."""

    id: int


class Outcome(Answer):
    verdict: Verdict


class Fetched(Answer):
    path: str


class Known(Answer):
    result: Raw  # a NodeResult as JSON


class Decided(Answer):
    decision: Decision


class Refused(Answer):
    """It cannot be done."""

    error: ErrorInfo


class GivenUp(Answer):
    """The segment is not this executor's any more."""


FromExecutor = (
    Ready
    | Models
    | Edited
    | End
    | Started
    | Skipped
    | ProgressMade
    | Logged
    | Previewed
    | Stored
    | PartDone
    | Fetch
    | Claim
    | Ask
    | Failed
    | Done
)
ToExecutor = Run | Cancel | Hold | Outcome | Fetched | Known | Decided | Refused | GivenUp

M = TypeVar("M")


class Unreadable(Closed):
    """The other side sent something that is no message: nothing it says can be relied on."""


class OtherVersion(Unreadable):
    """The executor speaks another version of the messages."""

    def __init__(self, version: int) -> None:
        super().__init__(f"it speaks version {version} of the messages, this process version {VERSION}")
        self.version = version


class Channel(Generic[M]):
    """One end of the conversation: sends any message, receives those of one union. Threads as ``Wire``."""

    def __init__(self, end: socket.socket, incoming: Any) -> None:
        self._wire = Wire(end)
        self._decoder: msgspec.json.Decoder[M] = msgspec.json.Decoder(incoming, dec_hook=_read_model)

    def send(self, message: Message) -> None:
        """Raises Closed."""
        self._wire.send(_ENCODER.encode(message))

    def receive(self, timeout_s: float | None = None) -> M | None:
        """The next message, or None when none came in time. Raises Closed, Unreadable."""
        body = self._wire.receive(timeout_s)
        return None if body is None else self._decode(body)

    def receive_first(self, timeout_s: float) -> M | None:
        """As ``receive``, for the message that names a version. Raises OtherVersion too."""
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
    """What can be read of a first message whatever its version; before versions there was none."""

    version: int = 0


def _write_model(value: Any) -> Any:
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    raise NotImplementedError(f"a message cannot hold {type(value).__name__}")


def _read_model(model: type[Any], value: Any) -> Any:
    if model is not Ref:
        return model.model_validate(value)
    ref = read_ref(value)
    if ref is None:
        raise ValueError("not a reference to an artifact")
    return ref


_ENCODER = msgspec.json.Encoder(enc_hook=_write_model)
