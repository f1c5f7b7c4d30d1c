"""``workbench run`` and ``workbench submit``: submit a pipeline or a graph, and wait for the job."""

from __future__ import annotations

import sys
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from schemas.errors import WorkbenchError
from schemas.status import Lane
from workbench.cli.consent_option import Said, asking, said
from workbench.cli.output import ExitCode, Json, command, print_json

if TYPE_CHECKING:
    from workbench.client.delivery.deliver import Delivery
    from workbench.client.deployment import Deployment
    from workbench.engine.accept import Accepted

WIDTH = 80  # of warnings, also in a pipe


@command
def run(
    ctx: typer.Context,
    pipeline: Annotated[str, typer.Argument(help="Name of a pipeline; `workbench pipelines` lists them.")],
    set_: Annotated[list[str] | None, typer.Option("--set", help="node.param=value. Repeatable.")] = None,
    without: Annotated[list[str] | None, typer.Option(help="Skip an optional node. Repeatable.")] = None,
    experiment: Annotated[str, typer.Option(help="Experiment that records the run.")] = "workbench",
    seed: Annotated[int, typer.Option(min=0, help="Random seed. Equal seeds give equal videos.")] = 0,
    fresh: Annotated[bool, typer.Option(help="Ignore the cache and compute everything again.")] = False,
    out: Annotated[
        Path | None, typer.Option(help="File for the result; default for a video: in videos/ of the home.")
    ] = None,
    consent: Said = None,
    key: Annotated[str | None, typer.Option(help="Idempotency key: runs with the same key are one job.")] = None,
    detach: Annotated[bool, typer.Option("--detach", "-d", help="Print the job id and return.")] = False,
    as_json: Json = False,
) -> None:
    """Run a pipeline and wait for its result. Starts the stack if none runs. Ctrl-C stops watching, not the job."""
    from workbench.cli.inputs import inputs_given
    from workbench.cli.values import parse_settings
    from workbench.client.consent import EntryPoint
    from workbench.client.options import check_options
    from workbench.client.submit import job_request, submit
    from workbench.pipelines.registry import find_pipeline

    chosen, params = find_pipeline(pipeline), parse_settings(set_ or [])
    options = {**inputs_given(ctx, chosen), "seed": seed, "leave_out": without or [], "fresh": fresh}
    check_options(chosen, options)  # before anything starts
    recorded = {"experiment": experiment, "consent": said(consent)}
    asked = job_request(pipeline=pipeline, options=options, params=params, **recorded)
    deployment = connect(start=True, quiet=as_json)
    accepted = asking(deployment, lambda: submit(deployment, asked, key=key, entry=EntryPoint.CLI))
    if detach:
        print_accepted(accepted, as_json)
        return
    print_findings(accepted)
    finish(deployment, accepted.job, out=out, as_json=as_json, result=chosen.result)


@command
def submit_file(
    graph: Annotated[Path, typer.Argument(help="A langgraph.v1 document; - for standard input.")],
    key: Annotated[str | None, typer.Option(help="Idempotency key: submits with the same key are one job.")] = None,
    experiment: Annotated[str, typer.Option(help="Experiment that records the run.")] = "workbench",
    consent: Said = None,
    lane: Annotated[Lane, typer.Option(help="Queue lane; batch runs after interactive jobs.")] = Lane.INTERACTIVE,
    wait: Annotated[bool, typer.Option(help="Wait until the job ends.")] = False,
    as_json: Json = False,
) -> None:
    """Submit a graph. Validates the whole graph first. If any part is wrong, nothing is queued."""
    from workbench.client.consent import EntryPoint
    from workbench.client.submit import job_request, submit
    from workbench.engine.parse import parse_graph, read_document

    if str(graph) != "-" and not graph.is_file():
        raise WorkbenchError(
            "graph.not_json", f"there is no file {graph}", where=str(graph), remedy="Give the path of a graph document."
        )
    document = read_document(sys.stdin.buffer.read() if str(graph) == "-" else graph.read_bytes())
    parse_graph(document)  # before anything starts
    asked = job_request(graph=document, experiment=experiment, lane=lane, consent=said(consent))
    deployment = connect(start=True, quiet=as_json)
    accepted = asking(deployment, lambda: submit(deployment, asked, key=key, entry=EntryPoint.CLI))
    if wait:
        print_findings(accepted)
        finish(deployment, accepted.job, as_json=as_json)
    else:
        print_accepted(accepted, as_json)


def connect(*, start: bool = False, quiet: bool = False) -> Deployment:
    """The deployment of the settings. ``start``: see ``open_settings``."""
    from workbench.cli.output import note
    from workbench.client.deployment import Deployment
    from workbench.client.deployment_settings import open_settings
    from workbench.logs import configure_logging

    settings = open_settings(start=start, starting=lambda home: None if quiet else note("starting the stack …"))
    configure_logging("warning")  # on stderr, because stdout has the output, possibly as JSON
    return Deployment(settings)


def finish(
    deployment: Deployment,
    job: str,
    *,
    out: Path | None = None,
    as_json: bool = False,
    result: tuple[str, str] | None = None,
) -> None:
    """Watch a job until it ends, save its video and print a report. Exit code 1 if it did not complete."""
    from schemas.status import JobStatus
    from workbench.cli.report import print_report
    from workbench.client.completion import await_record, await_tracked, keep_file, keep_video
    from workbench.client.view import view
    from workbench.terminal.progress import Follower

    target = out or deployment.settings.home / "videos" / f"{job}.mp4"
    with Follower(deployment, job, visible=not as_json) as follower:
        saved = follower.follow(lambda record: keep_video(deployment, record, target, result), result)
    record = await_record(deployment, job)
    saved = saved or keep_video(deployment, record, target, result)
    if saved is None and out is not None and keep_file(deployment, record, out, result) is None:
        print(f"{out} was not written: the job made no such file", file=sys.stderr)
    warn_unsigned(saved)
    run = await_tracked(deployment, job)
    shown = view(deployment.job(job), video=saved.path if saved else None, mlflow_run=run)
    if as_json:
        print_json(shown)
    else:
        print_report(deployment, record, shown)
    if record.status is not JobStatus.COMPLETED:
        raise typer.Exit(ExitCode.FAILED)


def print_accepted(accepted: Accepted, as_json: bool) -> None:
    """Print the id of the job, and what its submit found."""
    if as_json:
        warnings, streams = (
            [one.model_dump(mode="json", by_alias=True) for one in listed]
            for listed in (accepted.warnings, accepted.streams)
        )
        unserved = list(accepted.unserved)
        print_json({"jobId": accepted.job, "unserved": unserved, "warnings": warnings, "streams": streams})
        return
    print(accepted.job)
    print_findings(accepted)


def warn_unsigned(saved: Delivery | None) -> None:
    """Warn on stderr about a saved file that should say that it is synthetic, and cannot."""
    if saved is not None and saved.unsigned_because:
        print(f"{saved.path} is not signed as synthetic: {saved.unsigned_because}", file=sys.stderr)


def print_findings(accepted: Accepted) -> None:
    """Print on stderr what comes in parts, what to expect of the inputs, and the services that no worker provides."""
    from schemas.stream import in_words

    if accepted.streams:
        print(textwrap.fill(f"In parts, while more are made: {in_words(accepted.streams)}.", WIDTH), file=sys.stderr)
    for warning in accepted.warnings:
        print(textwrap.fill(f"Warning: {warning.where}: {warning.message}", WIDTH), file=sys.stderr)
    if accepted.unserved:
        queued = (
            f"Queued: no worker provides {'; '.join(accepted.unserved)}. `workbench capabilities` lists the services; "
            "`workbench worker --pool NAME` starts a worker for a pool."
        )
        print(textwrap.fill(queued, WIDTH, break_long_words=False, break_on_hyphens=False), file=sys.stderr)
