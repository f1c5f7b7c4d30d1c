"""``workbench run`` and ``workbench submit``: from a pipeline or a graph to a finished job."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from schemas.status import Lane
from workbench.cli.inputs import RunCommand
from workbench.cli.output import ExitCode, command, print_json

if TYPE_CHECKING:
    from workbench.client.deployment import Deployment
    from workbench.engine.accept import Accepted

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def register(app: typer.Typer) -> None:
    """Add the commands that start jobs."""
    app.command(cls=RunCommand)(run)
    app.command("submit")(submit_file)


@command
def run(
    ctx: typer.Context,
    pipeline: Annotated[str, typer.Argument(help="Name of a pipeline; `workbench pipelines` lists them.")],
    set_: Annotated[list[str] | None, typer.Option("--set", help="node.param=value. Repeatable.")] = None,
    without: Annotated[list[str] | None, typer.Option(help="Leave an optional node out. Repeatable.")] = None,
    experiment: Annotated[str, typer.Option(help="Experiment the run is recorded in.")] = "workbench",
    seed: Annotated[int, typer.Option(min=0, help="Equal seeds give equal videos.")] = 0,
    fresh: Annotated[bool, typer.Option(help="Compute everything anew, whatever is known.")] = False,
    out: Annotated[Path | None, typer.Option(help="Where the video goes; default: videos/ in the home.")] = None,
    key: Annotated[str | None, typer.Option(help="Idempotency key: a repeated run is the same job.")] = None,
    detach: Annotated[bool, typer.Option("--detach", "-d", help="Print the job id and return.")] = False,
    as_json: Json = False,
) -> None:
    """Run a pipeline and wait for its video. Starts the stack when none runs. Ctrl-C stops watching, not the job."""
    from workbench.cli.inputs import inputs_given
    from workbench.cli.values import parse_settings
    from workbench.client.options import check_options
    from workbench.client.submit import job_request, submit
    from workbench.pipelines.registry import find_pipeline

    chosen, params = find_pipeline(pipeline), parse_settings(set_ or [])
    options = {**inputs_given(ctx, chosen), "seed": seed, "leave_out": without or [], "fresh": fresh}
    check_options(chosen, options)  # before anything starts
    asked = job_request(pipeline=pipeline, options=options, params=params, experiment=experiment)
    deployment = connect(start=True, quiet=as_json)
    accepted = submit(deployment, asked, key=key)
    if detach:
        print_accepted(accepted, as_json)
        return
    say_unserved(accepted)
    finish(deployment, accepted.job, out=out, as_json=as_json, result=chosen.result)


@command
def submit_file(
    graph: Annotated[Path, typer.Argument(help="A langgraph.v1 document; - for standard input.")],
    key: Annotated[str | None, typer.Option(help="Idempotency key: a repeated submit is the same job.")] = None,
    experiment: Annotated[str, typer.Option(help="Experiment the run is recorded in.")] = "workbench",
    lane: Annotated[Lane, typer.Option(help="batch: behind everything that a person waits for.")] = Lane.INTERACTIVE,
    wait: Annotated[bool, typer.Option(help="Wait for the job.")] = False,
    as_json: Json = False,
) -> None:
    """Submit a graph. It is validated whole; where anything is wrong, nothing is queued."""
    from schemas.errors import WorkbenchError
    from workbench.client.submit import job_request, submit
    from workbench.engine.parse import read_document

    if str(graph) != "-" and not graph.is_file():
        raise WorkbenchError(
            "graph.not_json", f"there is no file {graph}", where=str(graph), remedy="Give the path of a graph document."
        )
    document = read_document(sys.stdin.buffer.read() if str(graph) == "-" else graph.read_bytes())
    asked = job_request(graph=document, experiment=experiment, lane=lane)
    deployment = connect(start=True, quiet=as_json)
    accepted = submit(deployment, asked, key=key)
    if wait:
        say_unserved(accepted)
        finish(deployment, accepted.job, as_json=as_json)
    else:
        print_accepted(accepted, as_json)


def connect(*, start: bool = False, quiet: bool = False) -> Deployment:
    """The deployment of the settings; ``start`` as in ``open_settings``."""
    from workbench.cli.output import note
    from workbench.client.deployment import Deployment
    from workbench.client.deployment_settings import open_settings
    from workbench.logs import configure_logging

    settings = open_settings(start=start, starting=lambda home: None if quiet else note("starting the stack …"))
    configure_logging("warning")  # to stderr: what a command prints is on stdout, perhaps as JSON
    return Deployment(settings)


def finish(
    deployment: Deployment,
    job: str,
    *,
    out: Path | None = None,
    as_json: bool = False,
    result: tuple[str, str] | None = None,
) -> None:
    """Watch a job to its end, keep its video, print what came of it; exit code 1 when it did not complete."""
    from schemas.status import JobStatus
    from workbench.cli.report import print_report
    from workbench.client.completion import await_record, await_tracked, keep_video
    from workbench.client.view import view
    from workbench.terminal.progress import Follower

    target = out or deployment.settings.home / "videos" / f"{job}.mp4"
    with Follower(deployment, job, visible=not as_json) as follower:
        saved = follower.follow(lambda record: keep_video(deployment, record, target, result), result)
    record = await_record(deployment, job)
    saved = saved or keep_video(deployment, record, target, result)
    shown = view(record, video=saved, mlflow_run=await_tracked(deployment, job))
    if as_json:
        print_json(shown)
    else:
        print_report(deployment, record, shown)
    if record.status is not JobStatus.COMPLETED:
        raise typer.Exit(ExitCode.FAILED)


def print_accepted(accepted: Accepted, as_json: bool) -> None:
    """The job's id, and what it will wait for where that is known already."""
    if as_json:
        print_json({"jobId": accepted.job, "unserved": list(accepted.unserved)})
        return
    print(accepted.job)
    say_unserved(accepted)


def say_unserved(accepted: Accepted) -> None:
    """Say on stderr that no worker offers what the job needs."""
    if accepted.unserved:
        print(
            f"It waits: no worker offers {'; '.join(accepted.unserved)}. `workbench capabilities` shows what there is; "
            "a worker for a pool is started with `workbench worker --pool NAME`.",
            file=sys.stderr,
        )
