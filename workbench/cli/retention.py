"""``workbench gc`` and ``workbench erase``: remove unused artifacts; remove a file with everything derived from it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.filesize import decimal as size_text

from schemas.errors import WorkbenchError
from workbench.cli.confirmation import confirm
from workbench.cli.output import Json, command, print_json, print_table
from workbench.cli.run import connect

if TYPE_CHECKING:
    from schemas.retention import ErasureReport, ErasureRequest, Removed

DryRun = Annotated[bool, typer.Option("--dry-run", help="Only show what would be removed.")]
_JOB_ID = re.compile(r"\d{8}-\d{6}-[0-9a-f]{6}")
_DIGEST = re.compile(r"[0-9a-f]{6,64}")


@command
def gc(
    dry_run: DryRun = False,
    older_than: Annotated[
        str | None, typer.Option(metavar="SPAN", help="First delete jobs that ended longer ago than this: 30d, 12h.")
    ] = None,
    max_gib: Annotated[
        float | None, typer.Option(help="First delete the oldest jobs until the artifacts fit into this size.")
    ] = None,
    keep_tag: Annotated[list[str] | None, typer.Option(help="Keep jobs with this tag. Repeatable.")] = None,
    as_json: Json = False,
) -> None:
    """Remove data without a job or upload: artifacts, caches, copies, previews, deleted runs, partial uploads."""
    from pydantic import ValidationError

    from schemas.problem import first_problem
    from schemas.retention import CollectionRequest
    from workbench.client.deletion import parts_of
    from workbench.retention.collecting import collect
    from workbench.retention.removals import counted

    try:
        asked = CollectionRequest(older_than=older_than, max_gib=max_gib, keep_tags=keep_tag or [], dry_run=dry_run)
    except ValidationError as error:
        problem = first_problem(error)
        option = {"older_than": "--older-than", "max_gib": "--max-gib", "keep_tags": "--keep-tag"}[problem.field]
        raise WorkbenchError(
            "settings.invalid",
            f"{option}: {problem.text}",
            where=option,
            seen=problem.seen,
            allowed="spans such as 30d, 12h, 90m; sizes above 0",
            remedy="Correct the option.",
        ) from None
    report = collect(parts_of(connect()), asked)
    if as_json:
        print_json(report)
        return
    _print_removed(report.removed)
    print(f"{'would free' if dry_run else 'freed'} {size_text(report.bytes)} in {report.seconds:.1f} s")
    if not dry_run:
        rest = "" if report.verified.whole else "; the next collection continues"
        print(f"verified {counted(report.verified.count, 'artifact')}, {size_text(report.verified.bytes)}{rest}")
    for remark in [*report.left, *report.verified.damaged]:
        print(remark)


@command
def erase(
    what: Annotated[
        str,
        typer.Argument(
            metavar="FILE|DIGEST|JOB|NAME", help="A file, a digest, a job's id, owner:NAME or consent:NAME."
        ),
    ] = "",
    owner: Annotated[str | None, typer.Option(help="All jobs and files of this owner.")] = None,
    consent: Annotated[
        str | None, typer.Option(metavar="NAME", help="All files recorded with the consent of this person.")
    ] = None,
    cancel: Annotated[bool, typer.Option("--cancel", help="Cancel unfinished jobs that use it.")] = False,
    dry_run: DryRun = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    as_json: Json = False,
) -> None:
    """Erase a file, a job, all data of an owner or all files of a person's consent, with everything derived from it."""
    from schemas.retention import ErasureRequest
    from workbench.client.deletion import digests_of, parts_of
    from workbench.retention import erasing

    deployment = connect()
    parts, path = parts_of(deployment), Path(what).expanduser()
    digests = digests_of(deployment, path) if what and not (owner or consent) and path.is_file() else []
    asked = ErasureRequest(file=digests[0]) if digests else request_of(what, owner, consent)
    if dry_run or not yes:
        report = erasing.erase(parts, asked.model_copy(update={"dry_run": True}), also=digests[1:])
        if not as_json:
            _print_erasure(report)
        elif dry_run:
            print_json(report)
        if dry_run:
            return
        confirm(f"Erase {report.target} and everything above permanently?", yes)
    report = erasing.erase(parts, asked.model_copy(update={"cancel": cancel}), also=digests[1:])
    if as_json:
        print_json(report)
    else:
        _print_erasure(report)


def request_of(what: str, owner: str | None, consent: str | None = None) -> ErasureRequest:
    """The erasure request for an argument that is not a file. Raises WorkbenchError (deletion.unknown)."""
    from schemas.retention import ErasureRequest

    if consent or what.startswith("consent:"):
        return ErasureRequest(consent=consent or what.removeprefix("consent:"))
    if owner or what.startswith("owner:"):
        return ErasureRequest(owner=owner or what.removeprefix("owner:"))
    if _JOB_ID.fullmatch(what):
        return ErasureRequest(job=what)
    if _DIGEST.fullmatch(what):
        return ErasureRequest(file=what)
    raise WorkbenchError(
        "deletion.unknown",
        "this is not a file, a digest or the id of a job" if what else "the argument is missing",
        where="workbench erase",
        seen=what,
        allowed="a file's path or digest (six hex digits or more), the id of a job, owner:NAME, consent:NAME",
        remedy="`workbench job list` shows jobs, `workbench job artifacts JOB` the digests of their files.",
    )


def _print_removed(removed: list[Removed]) -> None:
    rows = [(item.kind.value.replace("_", " "), item.count, item.bytes or "") for item in removed]
    if rows:
        print_table(("kind", "count", "bytes"), rows)
    else:
        print("Nothing to remove.")


def _print_erasure(report: ErasureReport) -> None:
    from workbench.retention.removals import counted

    _print_removed(report.removed)
    verb = "would erase" if report.dry_run else "erased"
    gone = f"{counted(len(report.jobs), 'job')}, {counted(report.files, 'file')}"
    print(f"{verb} {report.target}: {gone}, {size_text(report.bytes)}")
    for stays in report.stays:
        print(f"not erased: {stays.what}: {stays.why}")
    for outside in report.outside:
        print(f"erase manually: {outside.what}: {outside.why}")
    for done in report.compacted:
        freed = done.bytes_before - done.bytes_after
        print(f"compacted {done.part}: {size_text(max(0, freed))} less in {done.seconds:.1f} s")
