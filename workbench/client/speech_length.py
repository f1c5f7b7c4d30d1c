"""How long the speech of a graph will be, from its recording or its text, before it was spoken."""

from __future__ import annotations

import typing
from collections.abc import Mapping
from dataclasses import dataclass, field
from statistics import median
from typing import Any

from nodes.registry import services
from nodes.sdk import NodeDeclaration
from schemas.graph import Graph, Node
from schemas.refs import AudioRef, VideoRef, refs_in
from workbench.engine.structure import topological_order
from workbench.store.database import Database
from workbench.store.typical import past_runs, text_lengths

# English read aloud: 150 words a minute of six characters, with the blank. It is used until a voice has past runs.
SECONDS_PER_CHARACTER = 60 / (150 * 6)


def depends_on_length(service: str) -> bool:
    """Whether the service reads or makes audio or video."""
    declared = services().get(service)
    return declared is not None and (_has(declared.inputs) or _has(declared.outputs))


@dataclass
class SpeechLength:
    """The length of the speech of one graph.

    Attributes:
        seconds: in seconds; None if the graph has no audio and no text to speak, or the text is not known.
    """

    graph: Graph
    per_character: dict[str, float]  # seconds, by the id of a node that speaks a text
    usual_characters: dict[str, float]  # of the text that a node writes, by its id
    outputs: dict[str, Mapping[str, Any]] = field(default_factory=dict)  # of completed nodes

    @classmethod
    def of(cls, database: Database, graph: Graph, outputs: Mapping[str, Mapping[str, Any]]) -> SpeechLength:
        """The length as past runs let it expect. Raises WorkbenchError: sql.unreachable.

        Args:
            outputs: of the nodes that completed.
        """
        writers = {name for name, one in services().items() if _writes(one)}
        known = {name: services()[name] for name in {node.service for node in graph.nodes} if name in services()}
        rates = {name: _per_character(database, name, writers) for name, one in known.items() if _speaks(one)}
        lengths = {name: text_lengths(database, {name}) for name in known if name in writers}
        return cls(
            graph,
            {node.id: rates[node.service] for node in graph.nodes if node.service in rates},
            {node.id: median(found.values()) for node in graph.nodes if (found := lengths.get(node.service))},
            dict(outputs),
        )

    @property
    def seconds(self) -> float | None:
        made = [length for output in self.outputs.values() if (length := _duration(output))]
        if made:
            return max(made)
        if not self.per_character:
            return max(filter(None, (_duration([node.params, node.input]) for node in self.graph.nodes)), default=None)
        characters = self._characters()
        spoken = [
            rate * characters[node] for node, rate in self.per_character.items() if characters.get(node) is not None
        ]
        return max(spoken, default=None)

    def _characters(self) -> dict[str, float]:
        """The characters of the text that a node speaks or writes, by its id; without unknown ones."""
        found: dict[str, float] = {}
        nodes = {node.id: node for node in self.graph.nodes}
        for name in topological_order(self.graph):
            output = self.outputs.get(name)
            texts = list(output.values()) if output is not None else _given(nodes[name])
            lengths: list[float] = [len(text) for text in texts if isinstance(text, str) and not _is_output(text)]
            lengths += [found[parent] for parent in _parents(nodes[name]) if parent in found]
            if lengths:
                found[name] = max(lengths)
            elif name in self.usual_characters:
                found[name] = self.usual_characters[name]
        return found


def _given(node: Node) -> list[Any]:
    """The texts that a node is to speak or to pass on. A prompt is not one of them: it says what to write."""
    return [*node.input.values(), node.params.get("script") or None]


def _parents(node: Node) -> list[str]:
    """The nodes whose texts it takes."""
    values = [item for value in node.input.values() for item in (value if isinstance(value, list) else [value])]
    outputs = [value for value in values if isinstance(value, str) and _is_output(value)]
    return [value[1:].partition(".")[0] for value in outputs]


def _is_output(value: str) -> bool:
    """Whether an input names an output of another node. A text that begins with a dollar sign is escaped by another."""
    return value.startswith("$") and not value.startswith("$$")


def _per_character(database: Database, service: str, writers: set[str]) -> float:
    """Median seconds of speech for each character of the texts in the last runs of the service."""
    runs = past_runs(database, service, {}, {})
    characters = text_lengths(database, writers, {run.job for run in runs})
    rates = [run.length_s / characters[run.job] for run in runs if run.length_s and characters.get(run.job)]
    return median(rates) if rates else SECONDS_PER_CHARACTER


def _speaks(declared: NodeDeclaration) -> bool:
    """Whether the service makes audio from a text."""
    texts = any(field.annotation is str for field in declared.inputs.model_fields.values())
    return texts and any(_holds(field.annotation, AudioRef) for field in declared.outputs.model_fields.values())


def _writes(declared: NodeDeclaration) -> bool:
    """Whether the service makes a text, and not from audio or video."""
    return not _has(declared.inputs) and any(f.annotation is str for f in declared.outputs.model_fields.values())


def _has(model: Any) -> bool:
    return any(_holds(field.annotation, AudioRef, VideoRef) for field in model.model_fields.values())


def _holds(annotation: Any, *types: type) -> bool:
    if isinstance(annotation, type) and annotation in types:
        return True
    return any(_holds(part, *types) for part in typing.get_args(annotation))


def _duration(value: Any) -> float | None:
    """The longest audio or video of the references in a JSON value."""
    return max(
        (ref.duration_s for ref in refs_in(value) if isinstance(ref, AudioRef | VideoRef) and ref.duration_s),
        default=None,
    )
