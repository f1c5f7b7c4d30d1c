"""The inputs that a node takes in parts, inside the executor: requests the parts in order."""

from __future__ import annotations

from typing import Any

import orjson

from nodes.context import Cancelled
from nodes.in_parts import InParts
from nodes.sdk import NodeDeclaration
from schemas.event import NodeResult
from schemas.graph import Node
from workbench.bus.results import Verdict
from workbench.engine.binding import Reference, references
from workbench.engine.messages import Outcome, Parts, Receive, Whole
from workbench.engine.run_state import RunState
from workbench.engine.so_far import Account


class ProducerParts:
    """The parts of one producer's output: the ``nodes.in_parts.Incoming`` of a worker.

    Attributes:
        computation: key of the producer's computation; empty if its result is not cached.
        result: the producer's result, once it has completed.
    """

    def __init__(self, state: RunState, node: str, producer: str, account: Account) -> None:
        self._state = state
        self._node = node
        self._producer = producer
        self._account = account
        self._parts: list[dict[str, Any]] = []
        self.computation = ""
        self.result: NodeResult | None = None

    def part(self, index: int) -> dict[str, Any] | None:
        while len(self._parts) <= index and self.result is None:
            self._receive()
        return self._parts[index] if index < len(self._parts) else None

    def finished(self, index: int) -> dict[str, Any] | None:
        while len(self._parts) <= index and self.result is None:
            if not self._receive(waits=False):
                return None
        return self._parts[index] if index < len(self._parts) else None

    def whole(self) -> dict[str, Any]:
        while self.result is None:
            self._receive()
        return self.result.output

    def _receive(self, *, waits: bool = True) -> bool:
        """Receive the next parts or the result; False if there is neither yet and the node does not wait.

        Raises Cancelled if the segment now waits for the next part without this executor.
        """
        so_far = self._account.so_far().decode() if waits else None
        answer = self._state.link.ask(Receive(self._state.number, self._node, self._producer, len(self._parts), so_far))
        if isinstance(answer, Parts):
            self._parts += (orjson.loads(bytes(part)) for part in answer.parts)
            self.computation = answer.computation
        elif isinstance(answer, Whole):
            self.result = NodeResult.model_validate_json(bytes(answer.result))
            self.computation = self.result.computation or self.result.content_key
            self._state.outputs[self._producer] = self.result.output
        elif isinstance(answer, Outcome) and answer.verdict is Verdict.OK:
            return False
        else:
            raise Cancelled
        self._account.go_on(answer.earlier)
        return True


class Incoming:
    """All inputs that a node takes in parts. Each has its first part, or its producer has completed."""

    def __init__(self, state: RunState, node: Node, account: Account) -> None:
        self._sources: dict[str, Reference] = {
            name: references(source)[0] for name, source in state.spec.duties[node.id].in_parts.items()
        }
        self._producers = {
            producer: ProducerParts(state, node.id, producer, account)
            for producer in dict.fromkeys(source.node for source in self._sources.values())
        }
        for producer in self._producers.values():
            producer.part(0)

    @property
    def running(self) -> set[str]:
        """The inputs whose producers have not completed."""
        return {name for name, source in self._sources.items() if self._producers[source.node].result is None}

    def made_by(self) -> dict[str, str]:
        """By input: the computation and the output that it comes from; empty if not all computations have keys."""
        found = {name: self._producers[source.node].computation for name, source in self._sources.items()}
        return (
            {name: f"{key}.{self._sources[name].output}" for name, key in found.items()} if all(found.values()) else {}
        )

    def values(self, declaration: NodeDeclaration) -> dict[str, InParts[Any]]:
        """The values of the inputs whose producers have not completed."""
        return {
            name: InParts(
                incoming=self._producers[self._sources[name].node],
                output=self._sources[name].output,
                kind=declaration.in_parts[name],
            )
            for name in self.running
        }

    def finish(self) -> None:
        """Receive the rest. Raises Cancelled while a producer has not completed."""
        for producer in self._producers.values():
            producer.whole()
