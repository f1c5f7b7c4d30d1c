"""An input that a node takes in parts, while another node is still making it.

``audio: InParts[AudioRef]`` declares such an input. It behaves the same whether the value is there as a whole or comes
in parts, so a node is written once::

    for audio in inputs.audio:  # each part as soon as it is finished; one part if the whole is there
        ...
    whole = inputs.audio.whole()

What a node makes must not depend on where the parts are cut: its result is cached under the digest of the whole.
"""

from __future__ import annotations

import typing
from collections.abc import Iterator
from typing import Any, Generic, Protocol, TypeVar

from pydantic import BaseModel, GetCoreSchemaHandler, TypeAdapter
from pydantic_core import CoreSchema, core_schema

T = TypeVar("T")


class Incoming(Protocol):
    """The parts of another node's output, from the worker."""

    def part(self, index: int) -> dict[str, Any] | None:
        """The outputs of the part with that index; None after the last one. Leaves the node if it is not finished."""

    def finished(self, index: int) -> dict[str, Any] | None:
        """The outputs of the part with that index; None if it is not finished now, or after the last one."""

    def whole(self) -> dict[str, Any]:
        """All outputs. Leaves the node if the producer has not completed."""


class InParts(Generic[T]):
    """A value, or its parts in order. Iterating again starts at the first part.

    If the next part is not finished, iterating leaves the node without occupying a worker, and the node runs again from
    its beginning once it is. So a node that makes something of each part keeps it with ``ctx.parts.append``.
    """

    def __init__(self, value: T | None = None, *, incoming: Incoming | None = None, output: str = "", kind: Any = Any):
        self._value = value
        self._incoming = incoming
        self._output = output
        self._adapter: TypeAdapter[T] = TypeAdapter(kind)

    @property
    def comes_in_parts(self) -> bool:
        """Whether the value was not there when the node started."""
        return self._incoming is not None

    def __iter__(self) -> Iterator[T]:
        return self.after(0)

    def after(self, count: int) -> Iterator[T]:
        """The parts after the first ``count``; the first parts are neither read nor checked."""
        if self._incoming is None:
            if count == 0:
                yield typing.cast("T", self._value)
            return
        index = count
        while (part := self._incoming.part(index)) is not None:
            yield self._adapter.validate_python(part[self._output])
            index += 1
        if index == 0:  # it completed without parts
            yield self.whole()

    def finished(self, first: int = 0) -> Iterator[T]:
        """The parts from that index on that are finished now, without waiting; the value if it is there as a whole.

        How many there are differs from run to run: use it for progress, or to refuse early what is too long.
        """
        if self._incoming is None:
            yield from [typing.cast("T", self._value)][first:]
            return
        index = first
        while (part := self._incoming.finished(index)) is not None:
            yield self._adapter.validate_python(part[self._output])
            index += 1

    def whole(self) -> T:
        """The whole value. Waits for the last part as iterating does."""
        if self._incoming is None:
            return typing.cast("T", self._value)
        return self._adapter.validate_python(self._incoming.whole()[self._output])

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        (kind,) = typing.get_args(source) or (Any,)
        inner = handler.generate_schema(kind)
        wrapped = core_schema.no_info_after_validator_function(cls, inner)
        return core_schema.json_or_python_schema(
            json_schema=wrapped,
            python_schema=core_schema.union_schema([core_schema.is_instance_schema(cls), wrapped]),
            serialization=core_schema.plain_serializer_function_ser_schema(lambda value: value.whole()),
        )


def kind_in_parts(annotation: Any) -> Any:
    """T of InParts[T] or InParts[T] | None; None for another annotation."""
    for one in (annotation, *typing.get_args(annotation)):
        if typing.get_origin(one) is InParts:
            return typing.get_args(one)[0]
    return None


def inputs_in_parts(model: type[BaseModel]) -> dict[str, Any]:
    """The inputs that a node takes in parts, with the types of their values."""
    found = {name: kind_in_parts(field.annotation) for name, field in model.model_fields.items()}
    return {name: kind for name, kind in found.items() if kind is not None}
