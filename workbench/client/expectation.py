"""How long each node of a graph will take, from past runs and the length of the job's speech."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from nodes.registry import services
from schemas.graph import Graph, Node
from schemas.job import JobRecord
from workbench.client.pace import Pace
from workbench.client.speech_length import SpeechLength, depends_on_length
from workbench.store.database import Database
from workbench.store.job_params import param_rows
from workbench.store.typical import past_runs


@dataclass
class Expectation:
    """The expected times of the nodes of one graph. Services without past runs are omitted."""

    paces: dict[str, Pace] = field(default_factory=dict)  # by node
    speech: SpeechLength | None = None

    @classmethod
    def of(
        cls, database: Database, graph: Graph, outputs: Mapping[str, Mapping[str, Any]] | None = None
    ) -> Expectation:
        """The expectation for a graph without cache hits. Raises WorkbenchError: sql.unreachable.

        Args:
            outputs: of the nodes that completed.
        """
        found: dict[
            tuple[Any, ...], Pace | None
        ] = {}  # by service and settings, because a graph may have many such nodes
        paces = {}
        for node in graph.nodes:
            settings = _param_texts(node)
            key = (node.service, *sorted(settings.items()))
            if key not in found:
                runs = past_runs(database, node.service, settings, _defaults(node))
                found[key] = Pace.of(runs, grows=depends_on_length(node.service))
            if (pace := found[key]) is not None:
                paces[node.id] = pace
        return cls(paces, SpeechLength.of(database, graph, outputs or {}))

    @classmethod
    def of_job(cls, database: Database, record: JobRecord) -> Expectation:
        """The expectation for a job, with the outputs that it has so far; empty after its end.

        Raises WorkbenchError: sql.unreachable."""
        if record.status.final:
            return cls()
        return cls.of(database, record.graph, {node.id: node.output for node in record.nodes if node.output})

    @property
    def length_s(self) -> float | None:
        """The expected length of its speech; None if it is not known."""
        return self.speech.seconds if self.speech else None

    @property
    def seconds(self) -> dict[str, float]:
        """The expected seconds by node."""
        length_s = self.length_s
        return {node: pace.seconds(length_s) for node, pace in self.paces.items()}

    @property
    def longest_s(self) -> float | None:
        """The length of the longest past job that it is based on; None if none has a length."""
        return max((pace.longest_s for pace in self.paces.values()), default=0.0) or None

    @property
    def jobs(self) -> frozenset[str]:
        """The past jobs that it is based on."""
        return frozenset().union(*(pace.jobs for pace in self.paces.values()))

    def see(self, node: str, output: Mapping[str, Any]) -> bool:
        """Apply the output of a completed node: the text that it wrote, the speech that it made.

        Returns whether the expected length changed.
        """
        if self.speech is None:
            return False
        before = self.speech.seconds
        self.speech.outputs[node] = output
        return self.speech.seconds != before


def _param_texts(node: Node) -> dict[str, str]:
    return {row["param"]: row["text"] for row in param_rows("-", node)}


def _defaults(node: Node) -> dict[str, str]:
    declared = services().get(node.service)
    if declared is None:
        return {}
    values: dict[str, Any] = {
        name: field.get_default(call_default_factory=False) for name, field in declared.params.model_fields.items()
    }
    return _param_texts(
        node.model_copy(update={"params": {name: value for name, value in values.items() if _plain(value)}})
    )


def _plain(value: Any) -> bool:
    return isinstance(value, bool | int | float | str)
