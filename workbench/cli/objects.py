"""``workbench doctor --objects``: reads every artifact, with its progress on a terminal, and tells what it found."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from schemas.errors import WorkbenchError
from schemas.stack import DamagedArtifact, DoctorReport, Finding, Level, ObjectsReport

if TYPE_CHECKING:
    from workbench.retention.healing import Damage
    from workbench.retention.verification import Verification

CHECK = "objects read"


def add_objects(report: DoctorReport, *, repair: bool) -> DoctorReport:
    """The report with what reading every artifact found. Blocks as long as that takes.

    Args:
        repair: put good copies back, and take out what a job can compute again.
    """
    from workbench.client.deployment import Deployment
    from workbench.client.deployment_settings import open_settings
    from workbench.logs import configure_logging
    from workbench.retention.verification import verify_artifacts

    configure_logging("error")  # the report says it all
    try:
        deployment = Deployment(open_settings(Path(report.home)))
        with _progress() as seen:
            found = verify_artifacts(deployment, repair=repair, seen=seen)
    except WorkbenchError as error:
        finding = Finding(check=CHECK, level=Level.PROBLEM, message=error.message, remedy=error.remedy)
        return report.model_copy(update={"findings": [*report.findings, finding]})
    amount = f"{found.artifacts} artifacts, {found.size_bytes / 2**20:.1f} MiB in {found.seconds:.1f} s"
    level = Level.PROBLEM if found.damaged else Level.OK
    said = f"{amount} ({found.mib_per_s:.0f} MiB/s), {len(found.damaged) or 'none'} damaged"
    findings = [Finding(check=CHECK, level=level, message=said, remedy=_how_to_go_on(found, repair))]
    findings += [_finding(item) for item in found.damaged]
    objects = ObjectsReport(
        artifacts=found.artifacts,
        size_bytes=found.size_bytes,
        seconds=round(found.seconds, 3),
        mib_per_s=round(found.mib_per_s, 1),
        damaged=[_row(item) for item in found.damaged],
    )
    return report.model_copy(update={"findings": [*report.findings, *findings], "objects": objects})


def _how_to_go_on(found: Verification, repair: bool) -> str:
    if not found.damaged:
        return ""
    if not repair:
        return "Without --dry-run good copies are put back, and damaged bytes are taken out that a job can make again."
    return "Look at the disk of the object store: bytes do not change by themselves."


def _finding(item: Damage) -> Finding:
    done = f"; put back from {item.restored_from}" if item.restored_from else "; taken out" if item.removed else ""
    origin = item.origin
    said = ", ".join(
        [
            *(f"brought in by {owner}" for owner in origin.uploaded_by),
            *(f"made by job {job}" for job in origin.made_by[:3]),
            *(f"given to job {job}" for job in origin.used_by[:3]),
        ]
    )
    return Finding(
        check="artifact",
        level=Level.PROBLEM,
        message=f"{item.message}{done}" + (f" ({said})" if said else ""),
        remedy=item.remedy,
    )


def _row(item: Damage) -> DamagedArtifact:
    return DamagedArtifact(
        sha256=item.ref.sha256,
        kind=item.ref.kind,
        name=item.ref.name or "",
        size_bytes=item.ref.size_bytes,
        condition=item.condition.value,
        made_by=list(item.origin.made_by),
        used_by=list(item.origin.used_by),
        uploaded_by=list(item.origin.uploaded_by),
        restored_from=item.restored_from,
        removed=item.removed,
        heals=item.heals,
        remedy=item.remedy,
    )


@contextlib.contextmanager
def _progress() -> Iterator[Callable[[Verification], None] | None]:
    """A line on a terminal that says how far it is; None elsewhere."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console

    console = Console(stderr=True)
    with console.status("reading artifacts") as status:

        def seen(state: Verification) -> None:
            read = f"{state.size_bytes / 2**20:,.0f} MiB of {state.artifacts:,} artifacts"
            status.update(f"{read}, {state.mib_per_s:.0f} MiB/s, {len(state.damaged)} damaged")

        yield seen
