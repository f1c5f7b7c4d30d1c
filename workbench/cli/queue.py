"""``workbench queue …``: depths, leases, waiting nodes and dead letters; pause, drain, retry, purge."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Annotated

import typer

from schemas.errors import WorkbenchError
from schemas.queue import PoolView, QueueView
from workbench.cli.output import Json, command, print_answer, print_json, print_table
from workbench.cli.run import connect

Pool = Annotated[str, typer.Argument(help="A pool: control, cpu, …; `workbench queue` lists them.")]
group = typer.Typer(name="queue", help="Queues: depths, leases, waiting nodes with their reasons, dead letters.")


@group.callback(invoke_without_command=True)
def queue(context: typer.Context, as_json: Json = False) -> None:
    """Show depths by lane, ages, leases, waiting nodes with their reasons, and dead letters."""
    if context.invoked_subcommand is None:
        show(as_json=as_json)


@group.command()
@command
def show(as_json: Json = False) -> None:
    """The same as `workbench queue`."""
    from workbench.client.queues import queue_view

    view = queue_view(connect())
    if as_json:
        print_json(view)
    else:
        _print(view)


@group.command()
@command
def pause(
    pool: Pool,
    why: Annotated[str, typer.Option(help="The reason, which all users see.")] = "paused by an operator",
    as_json: Json = False,
) -> None:
    """Pause a pool: its workers take no new work. Running nodes continue; jobs are accepted and wait."""
    from workbench.client.queues import pause as pause_

    name = pause_(connect(), pool, why)
    print_answer(
        {"pool": name, "paused": why}, f"{name} is paused; `workbench queue resume {pool}` resumes it", as_json
    )


@group.command()
@command
def resume(pool: Pool, as_json: Json = False) -> None:
    """Resume a paused pool."""
    from workbench.client.queues import resume as resume_

    was_paused = resume_(connect(), pool)
    print_answer(
        {"pool": pool, "resumed": was_paused}, f"{pool} is resumed" if was_paused else f"{pool} was not paused", as_json
    )


@group.command()
@command
def drain(
    worker: Annotated[str, typer.Argument(help="Name of a worker; `workbench queue` lists them.")],
    as_json: Json = False,
) -> None:
    """Let a worker finish its current node, hand back the rest and exit. A stack starts a new worker in its place."""
    from workbench.client.queues import drain as drain_

    drain_(connect(), worker)
    print_answer(
        {"worker": worker, "draining": True},
        f"{worker} takes no new work and exits when its current node has ended",
        as_json,
    )


@group.command()
@command
def retry(
    job: Annotated[str | None, typer.Argument(help="A job with a dead letter; default: all of them.")] = None,
    as_json: Json = False,
) -> None:
    """Retry dead letters: a new job continues where the old one failed."""
    from workbench.client.queues import retry_all
    from workbench.client.rerun import retry as retry_job

    deployment = connect()
    jobs = [retry_job(deployment, job).job] if job else retry_all(deployment)
    print_answer({"jobIds": jobs}, "\n".join(jobs) if jobs else "There are no dead letters.", as_json)


@group.command()
@command
def purge(
    job: Annotated[str | None, typer.Argument(help="Only this job's dead letters.")] = None,
    all_: Annotated[bool, typer.Option("--all", help="All dead letters.")] = False,
    as_json: Json = False,
) -> None:
    """Delete dead letters. Their jobs remain failed, and `workbench job retry` can still retry them."""
    from workbench.client.queues import purge as purge_

    if (job is None) == (not all_):
        raise WorkbenchError(
            "settings.invalid",
            "give either a job or --all",
            where="purge",
            seen=f"{job or 'no job'}{' and --all' if all_ else ''}",
            allowed="purge JOB, purge --all",
            remedy="`workbench queue` lists the dead letters.",
        )
    count = purge_(connect(), job)
    print_answer({"purged": count}, f"{count} dead letter(s) deleted", as_json)


def _print(view: QueueView) -> None:
    if view.phase != "open":
        print(f"The deployment is not open: {view.phase} (epoch {view.epoch}). Workers take no work until it is.")
    rows = [
        (
            pool.pool,
            *(pool.depths[lane] or "" for lane in ("front", "interactive", "batch_front", "batch")),
            _age(pool.oldest_s),
            len(pool.workers) or "none",
            _state(pool),
        )
        for pool in view.pools
    ]
    print_table(
        ("pool", "front", "interactive", "batch front", "batch", "oldest", "workers", "state"), rows, {"none": "yellow"}
    )
    workers = [(name, pool.pool) for pool in view.pools for name in pool.workers]
    leases = [
        (one.job, ", ".join(one.nodes) or f"segment {one.segment}", one.worker, one.fence, one.beats, _age(one.since_s))
        for one in view.leases
    ]
    waiting = [(one.job, one.node, one.service, one.wait.reason.value, one.wait.sentence()) for one in view.waiting]
    letters = [
        (one.job, one.node, one.service, one.attempt, one.code, one.message[:80], _age(time.time() - one.at))
        for one in view.dead_letters
    ]
    actions = "`workbench queue retry [JOB]`, `workbench queue purge JOB`, `workbench job show JOB`"
    _print_section("workers", ("worker", "pool"), workers)
    _print_section("running", ("job", "node", "worker", "fence", "beats", "for"), leases)
    _print_section("waiting", ("job", "node", "service", "reason", "why"), waiting)
    _print_section(f"dead letters: {actions}", ("job", "node", "service", "attempts", "code", "error", "age"), letters)
    if not (view.leases or view.waiting or view.dead_letters or any(sum(p.depths.values()) for p in view.pools)):
        print("Nothing is queued, running or waiting.")
    if view.outbox > 1000:
        print(f"{view.outbox} events wait to be recorded. Check that the control plane runs.")


def _state(pool: PoolView) -> str:
    if pool.paused:
        return f"paused: {pool.paused}"
    return f"draining: {', '.join(pool.draining)}" if pool.draining else ""


def _print_section(title: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    if rows:
        print(f"\n{title}")
        print_table(columns, rows)


def _age(seconds: float | None) -> str:
    if seconds is None:
        return ""
    seconds = max(0.0, seconds)
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds / size:.1f} {unit}"
    return f"{seconds:.1f} s"
