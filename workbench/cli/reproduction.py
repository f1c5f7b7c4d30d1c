"""``workbench job rerun --check``: what differs from then, the run without the cache, and how far off it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from workbench.cli.consent_option import asking
from workbench.cli.output import ExitCode, note, print_json

if TYPE_CHECKING:
    from schemas.consent import Consent
    from schemas.reproduction import Compared, Reproduction, ReproductionPlan
    from workbench.client.deployment import Deployment

WIDTH = 80


def check(deployment: Deployment, name: str, consent: Consent | None, as_json: bool) -> None:
    """Repeat a run and compare. Exit code 0 if all is bit for bit the same, 4 if not, 1 if the run did not complete."""
    from schemas.status import JobStatus
    from workbench.client.completion import await_record
    from workbench.client.consent import EntryPoint
    from workbench.client.reproduction.check import finished, run_to_repeat, start
    from workbench.client.reproduction.plan import plan

    entry = EntryPoint.CLI
    record = asking(deployment, lambda: run_to_repeat(deployment, name, consent=consent, entry=entry))
    planned = plan(deployment, record)
    if not as_json:
        print(plan_text(planned))
    job = asking(deployment, lambda: start(deployment, record, consent=consent, entry=entry))
    if not as_json:
        note(f"runs again as {job}, with nothing from the cache")
    for _ in deployment.watch(job):
        pass
    await_record(deployment, job)
    found = finished(deployment, planned, job)
    print_json(found) if as_json else print(report(found))
    if found.status != JobStatus.COMPLETED:
        raise typer.Exit(ExitCode.FAILED)
    raise typer.Exit(ExitCode.OK if found.same else ExitCode.FINDINGS)


def plan_text(planned: ReproductionPlan) -> str:
    """The differences as lines of text."""
    if planned.same:
        return f"job {planned.job}: code, packages, weights, versions and hardware are as then"
    lines = [f"job {planned.job}: differs from then"] if planned.differences else [f"job {planned.job}:"]
    lines += [f"  {one.node or 'run'}: {one.what}: {one.then} -> {one.now}" for one in planned.differences]
    lines += [f"  not recorded then: {', '.join(planned.unknown)}"] if planned.unknown else []
    return "\n".join(lines)


def report(found: Reproduction) -> str:
    """The comparison as lines of text."""
    total, same = len(found.outputs), sum(one.same for one in found.outputs)
    lines = [line for one in found.outputs for line in _lines(one)]
    if found.status != "completed":
        return "\n".join([*lines, f"job {found.job} {found.status}: {same} of {total} outputs are the same"])
    verdict = "bit for bit the same" if found.same else f"{same} of {total} outputs are bit for bit the same"
    return "\n".join([*lines, f"job {found.job}: {verdict}"])


def _lines(one: Compared) -> list[str]:
    name = f"  {one.node}.{one.output}"
    if one.same:
        return [f"{name}: the same, {(one.now or '')[:12]}"]
    facts = []
    if one.frames is not None:
        facts.append(f"{one.frames_differ} of {one.frames} frames differ")
    if one.psnr_min_db is not None:
        worst = f" (frame {one.worst_frame})" if one.worst_frame is not None else ""
        facts.append(f"PSNR min {one.psnr_min_db} dB{worst}, mean {one.psnr_mean_db} dB")
    if one.max_difference is not None:
        facts.append(f"largest difference {one.max_difference:g}")
    facts += [one.note] if one.note else []
    return [f"{name}: differs: {'; '.join(facts)}".rstrip(": "), *(f"    {change}" for change in one.changes)]
