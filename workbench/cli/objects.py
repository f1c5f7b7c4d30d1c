"""``workbench doctor --objects``: verifies every artifact, with progress on a terminal, and reports damage."""

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
    """The report, extended by the verification of every artifact. Blocks until all are read.

    Args:
        repair: restore damaged artifacts from good copies, and remove those that a job can compute again.
    """
    from workbench.client.deployment import Deployment
    from workbench.client.deployment_settings import open_settings
    from workbench.logs import configure_logging
    from workbench.retention.verification import verify_artifacts

    configure_logging("error")  # the report contains everything
    try:
        deployment = Deployment(open_settings(Path(report.home)))
        with _progress() as seen:
            found = verify_artifacts(deployment, repair=repair, seen=seen)
    except WorkbenchError as error:
        finding = Finding(check=CHECK, level=Level.PROBLEM, message=error.message, remedy=error.remedy)
        return report.model_copy(update={"findings": [*report.findings, finding]})
    amount = f"{found.artifacts} artifacts, {found.size_bytes / 2**20:.1f} MiB in {found.seconds:.1f} s"
    level = Level.PROBLEM if found.damaged else Level.OK
    summary = f"{amount} ({found.mib_per_s:.0f} MiB/s), {len(found.damaged) or 'none'} damaged"
    findings = [Finding(check=CHECK, level=level, message=summary, remedy=_remedy(found, repair))]
    findings += [_finding(item) for item in found.damaged]
    objects = ObjectsReport(
        artifacts=found.artifacts,
        size_bytes=found.size_bytes,
        seconds=round(found.seconds, 3),
        mib_per_s=round(found.mib_per_s, 1),
        damaged=[_row(item) for item in found.damaged],
    )
    return report.model_copy(update={"findings": [*report.findings, *findings], "objects": objects})


def _remedy(found: Verification, repair: bool) -> str:
    if not found.damaged:
        return ""
    if not repair:
        return "Run it without --dry-run to restore good copies and remove artifacts that a job can compute again."
    return "Check the disk of the object store, because bytes do not change by themselves."


def _finding(item: Damage) -> Finding:
    done = f"; restored from {item.restored_from}" if item.restored_from else "; removed" if item.removed else ""
    origin = item.origin
    context = ", ".join(
        [
            *(f"uploaded by {owner}" for owner in origin.uploaded_by),
            *(f"made by job {job}" for job in origin.made_by[:3]),
            *(f"used by job {job}" for job in origin.used_by[:3]),
        ]
    )
    return Finding(
        check="artifact",
        level=Level.PROBLEM,
        message=f"{item.message}{done}" + (f" ({context})" if context else ""),
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
    """A progress line on a terminal; None elsewhere."""
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
