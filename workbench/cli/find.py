"""``workbench find`` and ``workbench lineage``: from a file back to the run that made it, and on to what came of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from workbench.cli.output import ExitCode, Json, command, print_answer
from workbench.cli.run import connect

if TYPE_CHECKING:
    from schemas.artifact_lineage import ArtifactLineage
    from schemas.recognition import Recognition

WIDTH = 80
What = Annotated[str, typer.Argument(metavar="FILE|SHA256", help="A file, also a renamed one, or a digest.")]


@command
def find(what: What, as_json: Json = False) -> None:
    """Recognise a file and lead to its run: by digest, by the digest of a delivery, or by its embedded record.

    Exit code 4 if nothing is recognised.
    """
    from schemas.recognition import Way
    from workbench.client.access import LOCAL
    from workbench.client.recognition import recognise

    found = recognise(connect(), LOCAL, what)
    print_answer(found, found_text(found), as_json)
    if found.way is Way.UNKNOWN:
        raise typer.Exit(ExitCode.FINDINGS)


@command
def lineage(what: What, as_json: Json = False) -> None:
    """Show what made an artifact, from which inputs and weights, and what was made from it."""
    from schemas.errors import WorkbenchError
    from workbench.client.access import LOCAL
    from workbench.client.artifact_lineage import artifact_lineage
    from workbench.client.recognition import recognise

    deployment = connect()
    found = recognise(deployment, LOCAL, what)
    if found.artifact is None:
        raise WorkbenchError(
            "artifact.unknown",
            "no artifact is recognised in it",
            where=what[:200],
            seen=found.sha256,
            remedy=f"It leads to job {found.runs[0].job}: `workbench job artifacts` lists its files."
            if found.runs
            else "`workbench job artifacts JOB` lists the artifacts of a job.",
        )
    shown = artifact_lineage(deployment, LOCAL, found.artifact, job=found.runs[0].job)
    print_answer(shown, lineage_text(shown), as_json)


def found_text(found: Recognition) -> str:
    """The recognition as lines of text."""
    import textwrap

    head = f"{found.file or found.sha256}: {found.way.value}"
    lines = [head if found.sure == "none" else f"{head}, {found.sure.value}"]
    lines += textwrap.wrap(found.sentence, WIDTH, initial_indent="  ", subsequent_indent="  ")
    for one in found.runs:
        made = "made by" if one.role == "output" else "used by"
        node = f"{one.node} of " if one.node else ""
        lines.append(f"  {made:<9} {node}job {one.job}, {one.pipeline}, seed {one.seed}, {one.status}")
    lines += [f"  input     {one.kind} {one.sha256[:16]}… ({one.node}.{one.name})" for one in found.inputs]
    lines += [f"  artifact  {found.artifact}"] if found.artifact else []
    lines += [f"  graph     {found.graph}"] if found.graph else []
    return "\n".join(lines)


def lineage_text(found: ArtifactLineage) -> str:
    """Two trees, at most 80 columns wide: what it was made from, and what was made from it. Repeats are cut short."""
    artifacts = {one.sha256: one for one in found.artifacts}
    lines: list[str] = []

    def add(depth: int, text: str) -> None:
        line = "  " * depth + text
        lines.append(line if len(line) <= WIDTH else line[: WIDTH - 1] + "…")

    def artifact(sha256: str, name: str = "") -> str:
        one = artifacts[sha256]
        named = f" {one.name}" if one.name else ""
        return f"{name + ': ' if name else ''}{one.kind} {sha256[:12]}{named}{' (given)' if one.given else ''}"

    def up(sha256: str, depth: int, seen: frozenset[str]) -> None:
        step = next((one for one in found.steps if sha256 in one.outputs.values()
                     and sha256 not in one.inputs.values()), None)  # fmt: skip
        if step is None:
            return
        weights = f", weights {step.weights[:12]}" if step.weights else ""
        add(depth, f"made by {step.node} ({step.service} {step.version or ''}) in {step.job}{weights}")
        for model, digest in step.models.items():
            add(depth + 1, f"model {model} {digest[:12]}")
        for name, taken in step.inputs.items():
            known = taken in seen or taken in shown
            add(depth + 1, artifact(taken, name) + (", as above" if known and not artifacts[taken].given else ""))
            if not known:
                shown.add(taken)
                up(taken, depth + 2, seen | {sha256})

    def down(sha256: str, depth: int, seen: frozenset[str]) -> None:
        for step in found.steps:
            if sha256 not in step.inputs.values():
                continue
            add(depth, f"used by {step.node} ({step.service} {step.version or ''}) in {step.job}")
            for name, made in step.outputs.items():
                known = made in seen or made in shown_down
                add(depth + 1, artifact(made, name) + (", as above" if known else ""))
                if not known:
                    shown_down.add(made)
                    down(made, depth + 2, seen | {sha256})

    shown, shown_down = {found.sha256}, {found.sha256}
    add(0, artifact(found.sha256))
    up(found.sha256, 1, frozenset())
    down(found.sha256, 1, frozenset())
    if found.cut:
        add(0, "… it goes on; --json has what was found")
    return "\n".join(lines)
