"""``workbench job …``: show, watch, approve, cancel, re-run, retry, delete, artifacts; ``job_list`` has the list."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from schemas.errors import WorkbenchError
from workbench.cli.consent_option import Said, asking, said
from workbench.cli.job_list import list_, mark
from workbench.cli.output import ExitCode, Json, command, print_answer, print_json, print_table
from workbench.cli.run import connect, finish, print_accepted, print_findings, warn_unsigned

if TYPE_CHECKING:
    from workbench.client.delivery.deliver import Delivery
    from workbench.client.deployment import Deployment
    from workbench.engine.accept import Accepted

JobId = Annotated[str, typer.Argument(help="Id of a job; `workbench job list` shows them.")]
group = typer.Typer(
    name="job",
    no_args_is_help=True,
    help="Jobs: list, mark, show, watch, approve, cancel, re-run, retry, delete, artifacts.",
)
group.command("list")(list_)
group.command()(mark)


@group.command()
@command
def show(job: JobId, as_json: Json = False) -> None:
    """Show a job: its nodes, metrics, video, and its error with the remedy."""
    from workbench.cli.report import print_report
    from workbench.client.completion import keep_video
    from workbench.client.view import view

    deployment = connect()
    record = deployment.job(job)
    video = keep_video(deployment, record, deployment.settings.home / "videos" / f"{job}.mp4", None)
    warn_unsigned(video)
    shown = view(record, video=video.path if video else None, mlflow_run=deployment.mlflow_run(job))
    if as_json:
        print_json(shown)
    else:
        print_report(deployment, record, shown)


@group.command()
@command
def watch(
    job: JobId,
    after: Annotated[str, typer.Option(help="Start after this event, e.g. 1-7.")] = "0-0",
    as_json: Annotated[bool, typer.Option("--json", help="Print a JSON line for each event.")] = False,
) -> None:
    """Watch a job until it ends. Exit code 1 if it did not complete."""

    deployment = connect()
    if not as_json:
        finish(deployment, job)
        return
    completed = False
    for update in deployment.watch(job, after):
        for event in update.events:
            print(event.to_json().decode(), flush=True)
            completed = completed or event.type == "job.completed"
    if not completed:
        raise typer.Exit(ExitCode.FAILED)


@group.command()
@command
def approve(
    job: JobId,
    node: Annotated[str | None, typer.Option(help="The node to answer, if several wait.")] = None,
    text: Annotated[str | None, typer.Option(help="Approve this text instead of the proposed one.")] = None,
    file: Annotated[Path | None, typer.Option(help="Like --text, from a file; - for standard input.")] = None,
    reject: Annotated[str | None, typer.Option(help="Reject the text for this reason. The node fails.")] = None,
    author: Annotated[str, typer.Option(help="Author of the answer; default: your login name.")] = "",
    show: Annotated[bool, typer.Option("--show", help="Only print the question.")] = False,
    as_json: Json = False,
) -> None:
    """Answer a job that waits for approval: approve its text unchanged, approve a changed text, or reject it."""
    from workbench.cli.approval import answer_text, print_questions
    from workbench.client import review
    from workbench.client.access import login_name

    given = answer_text(text, file, reject)
    deployment = connect()
    if show:
        print_questions(deployment, job, as_json=as_json)
        return
    name = author or login_name()
    if reject is not None:
        decision = review.reject(deployment, job, node, reason=reject, author=name)
    else:
        decision = review.approve(deployment, job, node, text=given, author=name)
    if as_json:
        print_json({"jobId": job, **decision.model_dump(mode="json")})
    elif decision.approved:
        print(f"approved{' with your text' if decision.edited else ''}; the job continues")
    else:
        print("rejected")


@group.command()
@command
def cancel(job: JobId, as_json: Json = False) -> None:
    """Cancel a job. After this, no further result of it becomes visible."""
    from workbench.client import job_api
    from workbench.client.access import LOCAL

    new = job_api.cancel(connect(), LOCAL, job).cancelled
    print_answer({"jobId": job, "cancelled": new}, "cancelled" if new else "the job was already cancelled", as_json)


@group.command()
@command
def rerun(
    job: Annotated[
        str, typer.Argument(metavar="JOB", help="Id of a job; with --check also its MLflow run, or a bundle.")
    ],
    set_: Annotated[list[str] | None, typer.Option("--set", help="node.param=value. Repeatable.")] = None,
    fresh: Annotated[bool, typer.Option(help="Ignore the cache and compute everything again.")] = False,
    check: Annotated[
        bool, typer.Option("--check", help="Say what differs from then, run without the cache, compare the results.")
    ] = False,
    consent: Said = None,
    detach: Annotated[bool, typer.Option("--detach", "-d", help="Print the job id and return.")] = False,
    as_json: Json = False,
) -> None:
    """Run a job's graph again, optionally with changed parameters. Cached results are not computed again.

    With --check: exit code 0 if every result is bit for bit the same, 4 if one differs.
    """
    from workbench.cli.reproduction import check as check_again
    from workbench.cli.values import parse_settings
    from workbench.client.consent import EntryPoint
    from workbench.client.rerun import rerun as rerun_job

    params, given = parse_settings(set_ or []), said(consent)
    if check and (params or detach):
        raise WorkbenchError(
            "settings.invalid",
            "--check repeats a run exactly, and waits for it",
            where="--check",
            seen="--detach" if detach else "--set",
            remedy="Leave the other option out.",
        )
    deployment = connect(start=True, quiet=as_json)
    if check:
        check_again(deployment, job, given, as_json)
    accepted = asking(
        deployment,
        lambda: rerun_job(deployment, job, params=params, fresh=fresh, consent=given, entry=EntryPoint.CLI),
    )
    _follow(deployment, accepted, detach, as_json)


@group.command()
@command
def retry(
    job: JobId,
    consent: Said = None,
    detach: Annotated[bool, typer.Option("--detach", "-d", help="Print the job id and return.")] = False,
    as_json: Json = False,
) -> None:
    """Continue a failed or cancelled job where it stopped, as a new job."""
    from workbench.client.consent import EntryPoint
    from workbench.client.rerun import retry as retry_job

    given = said(consent)
    deployment = connect(start=True, quiet=as_json)
    accepted = asking(deployment, lambda: retry_job(deployment, job, consent=given, entry=EntryPoint.CLI))
    _follow(deployment, accepted, detach, as_json)


def _follow(deployment: Deployment, accepted: Accepted, detach: bool, as_json: bool) -> None:
    if detach:
        print_accepted(accepted, as_json)
    else:
        print_findings(accepted)
        finish(deployment, accepted.job, as_json=as_json)


@group.command("delete")
@command
def delete_(
    jobs: Annotated[list[str], typer.Argument(metavar="JOB…", help="Ids of finished jobs.")],
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    as_json: Json = False,
) -> None:
    """Delete finished jobs: their records and their MLflow runs. The next `workbench gc` removes their files."""
    from rich.filesize import decimal as size_text

    from workbench.cli.confirmation import confirm
    from workbench.client.deletion import delete, would_free
    from workbench.retention.deleting import ended

    deployment = connect()
    ids = list(dict.fromkeys(jobs))
    for job in ids:  # delete all of them or none
        ended(deployment.job(job))
    free = would_free(deployment, ids)
    confirm(f"Delete {len(ids)} job(s)? The next collection then frees {size_text(free)}.", yes)
    notes = {job: delete(deployment, job) for job in ids}
    if as_json:
        print_json([{"jobId": job, "deleted": True, "notes": own} for job, own in notes.items()])
        return
    for job, own in notes.items():
        print(" ".join([f"deleted {job}", *own]))


@group.command()
@command
def artifacts(
    job: JobId,
    save: Annotated[
        Path | None, typer.Option(help="Save the artifacts in this folder; media are signed as synthetic.")
    ] = None,
    as_json: Json = False,
) -> None:
    """List the artifacts that a job made, and optionally save them."""
    from workbench.client.delivery.deliver import save as deliver_to
    from workbench.client.view import artifacts as made_by

    deployment = connect()
    record, rows = deployment.job(job), []
    for node, name, ref in made_by(record):
        saved = None
        if save is not None:
            suffix = "." + ref.media_type.rpartition("/")[2].split(";")[0].replace("plain", "txt")
            target = save / f"{node}.{name}.{ref.sha256[:8]}{suffix}"
            saved = deliver_to(deployment, ref, target, record=record)
            warn_unsigned(saved)
        rows.append({"node": node, "output": name, **_place(saved), **ref.model_dump(mode="json")})
    if as_json:
        print_json(rows)
        return
    shown = [
        (row["node"], row["output"], row["mediaType"], row.get("sizeBytes"), row["sha256"][:16], row["path"])
        for row in rows
    ]
    print_table(("node", "output", "type", "bytes", "sha256", "saved as"), shown)


def _place(saved: Delivery | None) -> dict[str, str | None]:
    """Where an artifact was saved. A signed file has another digest than the artifact."""
    return {"path": str(saved.path) if saved else None, "savedSha256": saved.sha256 if saved else None}
