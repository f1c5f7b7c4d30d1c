"""What a pipeline is, and what all of them share: options that fit, settings by node, nodes left out, the seed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any

from schemas.errors import WorkbenchError
from schemas.graph import SCHEMA, Edge, Graph, Node
from schemas.pipeline import InputKind, InputUse, InputView, OptionUse, PipelineView, StepView
from schemas.refs import AudioRef, ImageRef


@dataclass(frozen=True)
class Options:
    """What a person gives a pipeline."""

    portrait: ImageRef | None = None
    prompt: str = ""
    script: str = ""
    audio: AudioRef | None = None  # the speech itself: nothing is written and nothing spoken
    voice: AudioRef | None = None  # a sample of the voice that is to speak
    ref_text: str = ""  # what is said in the voice sample
    approve: bool = False  # a person approves the script before it is spoken
    seed: int = 0
    params: dict[str, dict[str, Any]] = field(default_factory=dict)  # node -> parameter -> value
    leave_out: frozenset[str] = frozenset()
    fresh: bool = False  # compute everything anew, whatever is known

    def given(self) -> dict[str, Any]:
        """The options of ``OPTION_NAMES`` that say something; white space says nothing."""
        values = {name: getattr(self, name) for name in OPTION_NAMES}
        return {name: value for name, value in values.items() if (value.strip() if isinstance(value, str) else value)}


# What differs from pipeline to pipeline, in the order of a form. Seed, parameters and the rest all of them take.
OPTION_NAMES = ("portrait", "prompt", "script", "audio", "voice", "ref_text", "approve")
_WANTED = {
    "portrait": "an image file with a face: --portrait FILE, or --portrait sample for the packaged one",
    "prompt": "what the script is about: --prompt TEXT",
    "script": "the text that is spoken: --script TEXT",
    "audio": "a recording of the speech: --audio FILE",
    "voice": "a sample of the voice: --voice FILE",
    "ref_text": "what is said in the voice sample: --ref-text TEXT",
    "approve": "that somebody approves the script: --approve",
}


@dataclass(frozen=True)
class Step:
    """A node that a pipeline may have in its graph."""

    id: str
    name: str
    service: str
    weight: float = 1.0  # its share of the progress, beside the others
    optional: bool = False  # can be left out

    def node(self, **fields: Any) -> Node:
        return Node(id=self.id, name=self.name, service=self.service, progress_weight=self.weight, **fields)


@dataclass(frozen=True)
class Pipeline:
    """A named way to build a graph.

    Attributes:
        title: for a card or a menu.
        doc: one sentence.
        needs: options that must be given.
        one_of: options of which exactly one must be given.
        may_take: options that may be given. Those that stand nowhere are refused rather than ignored.
        steps: every node that its graphs may have, in the order in which they can run.
        result: (node, output) that is the video of the job, or None.
        listed: whether a page shows it.
    """

    name: str
    title: str
    doc: str
    steps: tuple[Step, ...]
    make: Callable[[Options], tuple[list[Node], list[Edge]]]
    needs: frozenset[str] = frozenset()
    one_of: frozenset[str] = frozenset()
    may_take: frozenset[str] = frozenset()
    result: tuple[str, str] | None = None
    listed: bool = True

    @property
    def takes(self) -> frozenset[str]:
        """The options it uses."""
        return self.needs | self.one_of | self.may_take

    @property
    def optional(self) -> frozenset[str]:
        """Ids of nodes that can be left out."""
        return frozenset(step.id for step in self.steps if step.optional)

    def use(self, option: str) -> OptionUse:
        """What it does with an option."""
        if option in self.needs:
            return OptionUse.NEEDED
        if option in self.one_of:
            return OptionUse.ONE_OF
        return OptionUse.OPTIONAL if option in self.may_take else OptionUse.UNUSED

    def view(self) -> PipelineView:
        """As faces describe it."""
        return PipelineView(
            name=self.name,
            title=self.title,
            doc=self.doc,
            listed=self.listed,
            inputs=[self._input(name) for name in OPTION_NAMES if name in self.takes],
            steps=[StepView(id=s.id, name=s.name, service=s.service, optional=s.optional) for s in self.steps],
            result=".".join(self.result or ()),
            reviews=[step.id for step in self.steps if step.service == "review.script"],
        )

    def _input(self, name: str) -> InputView:
        kind, title, doc, needs = _INPUTS[name]
        one_of = name in self.one_of
        return InputView(
            name=name,
            title=title,
            doc=doc,
            kind=kind,
            use=InputUse(self.use(name).value),
            group=[other for other in OPTION_NAMES if other in self.one_of] if one_of else [],
            needs=[other for other in needs if other in self.takes],
            default=False if kind is InputKind.SWITCH else "" if kind is InputKind.TEXT else None,
            multiline=kind is InputKind.TEXT,
            sample=name == "portrait",
        )


_INPUTS: dict[str, tuple[InputKind, str, str, tuple[str, ...]]] = {
    "portrait": (InputKind.IMAGE, "Portrait", "Image file with a face.", ()),
    "prompt": (InputKind.TEXT, "Prompt", "What the script is about; a model writes it.", ()),
    "script": (InputKind.TEXT, "Script", "Your own text, spoken as it is.", ()),
    "audio": (InputKind.AUDIO, "Recording", "A recording of the speech.", ()),
    "voice": (InputKind.AUDIO, "Voice sample", "A recording of the voice that is to speak.", ()),
    "ref_text": (InputKind.TEXT, "Reference text", "What is said in the voice sample.", ("voice",)),
    "approve": (InputKind.SWITCH, "Approve the script", "Wait for somebody's approval.", ("prompt", "script")),
}


def build(pipeline: Pipeline, options: Options) -> Graph:
    """The pipeline's graph. Raises WorkbenchError (pipeline.bad_option) naming the option."""
    check_options(pipeline, options.given())
    for name in sorted(options.leave_out - pipeline.optional):
        raise refusal(
            pipeline,
            "without",
            f"{name} cannot be left out of {pipeline.name}",
            sorted(pipeline.optional) or "nothing",
            "Leave out one of the optional nodes, or submit a graph of your own.",
            seen=name,
        )
    nodes, edges = pipeline.make(options)
    known = {node.id: node for node in nodes}
    for node_id, params in options.params.items():
        if node_id not in known:
            near = get_close_matches(node_id, known, n=3)
            raise refusal(
                pipeline,
                f"set {node_id}.…",
                f"{pipeline.name} has no node {node_id}",
                near or sorted(known),
                "`workbench pipelines` shows the nodes.",
                seen=node_id,
            )
        known[node_id].params.update(params)
    context: dict[str, Any] = {"seed": options.seed}
    if options.fresh:
        context["cache"] = False
    return Graph(schema_=SCHEMA, workflow_id=pipeline.name, context=context, nodes=nodes, edges=edges)


def edge(from_: str, to: str) -> Edge:
    return Edge(from_=from_, to=to)


def refusal(
    pipeline: Pipeline, where: str, message: str, allowed: object, remedy: str, seen: object = None
) -> WorkbenchError:
    """An option that does not fit."""
    return WorkbenchError(
        "pipeline.bad_option", message, where=f"{pipeline.name}: {where}", seen=seen, allowed=allowed, remedy=remedy
    )


def check_options(pipeline: Pipeline, given: Mapping[str, object]) -> None:
    """Refuse options that the pipeline does not use, and miss those that it needs.

    Args:
        given: by name; those that say nothing are not in it.

    Raises WorkbenchError (pipeline.bad_option) naming the option.
    """
    for name in OPTION_NAMES:
        if name in given and name not in pipeline.takes:
            raise refusal(
                pipeline,
                name,
                f"{pipeline.name} does not use {name}",
                [option for option in OPTION_NAMES if option in pipeline.takes] or "none of these options",
                f"Leave {_flag(name)} out.",
                seen=given[name],
            )
        if name in pipeline.needs and name not in given:
            raise refusal(
                pipeline,
                name,
                f"{pipeline.name} needs {_article(name)}",
                _WANTED[name],
                f"Give {_flag(name)}.",
                seen="nothing",
            )
    choice = [name for name in OPTION_NAMES if name in pipeline.one_of]
    chosen = [name for name in choice if name in given]
    if choice and len(chosen) != 1:
        raise refusal(
            pipeline,
            " and ".join(chosen) or ", ".join(choice),
            f"{pipeline.name} takes one of {', '.join(choice)}"
            + (f", not {' and '.join(chosen)} at once" if chosen else ""),
            [_WANTED[name] for name in choice],
            f"Leave {' or '.join(map(_flag, chosen))} out." if chosen else "Give one of them.",
            seen=" and ".join(chosen) or "none of them",
        )


def _flag(option: str) -> str:
    return f"--{option.replace('_', '-')}"


def _article(option: str) -> str:
    noun = option.replace("_", " ")
    return noun if option in ("audio", "ref_text") else f"a {noun}"
