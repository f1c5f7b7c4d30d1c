"""``workbench job list`` and ``workbench job mark``: the runs of an experiment as a table, and their marks."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Annotated, Any

import typer

from schemas.errors import WorkbenchError
from workbench.cli.output import Json, command, print_json, print_table
from workbench.cli.run import connect

if TYPE_CHECKING:
    from workbench.store.listing import JobFilter, JobLine

_STYLES = {"completed": "green", "failed": "bold red", "cancelled": "yellow", "running": "cyan", "waiting": "yellow"}
_TIMES = ("compute", "waiting", "first frame")


@command
def list_(
    status: Annotated[list[str] | None, typer.Option(help="Only jobs with this status. Repeatable.")] = None,
    pipeline: Annotated[str | None, typer.Option(help="Only jobs of this pipeline.")] = None,
    experiment: Annotated[str | None, typer.Option(help="Only jobs of this experiment.")] = None,
    sweep: Annotated[str | None, typer.Option(help="Only jobs of this sweep.")] = None,
    parameter: Annotated[
        list[str] | None, typer.Option(metavar="CONDITION", help='Such as "animate.sway>=0.5". Repeatable.')
    ] = None,
    metric: Annotated[
        list[str] | None, typer.Option(metavar="CONDITION", help='Such as "evaluate.wer<=0.1". Repeatable.')
    ] = None,
    starred: Annotated[bool | None, typer.Option("--starred/--not-starred", help="Only jobs with a star.")] = None,
    rating: Annotated[int | None, typer.Option(min=1, max=5, help="Only jobs with at least this rating.")] = None,
    tag: Annotated[str | None, typer.Option(help="Only jobs with this tag.")] = None,
    sort: Annotated[
        str,
        typer.Option(
            help="created, seconds, rating, param:NODE.NAME or metric:NODE.NAME; - in front: the largest first."
        ),
    ] = "-created",
    columns: Annotated[
        list[str] | None,
        typer.Option(metavar="COLUMN", help="param:NODE.NAME or metric:NODE.NAME, also several with commas."),
    ] = None,
    limit: Annotated[int | None, typer.Option(min=1, max=100_000, help="Maximum number of jobs; default: 20.")] = None,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print all matching jobs as CSV.")] = False,
    as_json: Json = False,
) -> None:
    """List jobs, newest first unless sorted. With --csv all that match, unless there is a --limit."""
    from workbench.client.runs import csv_of, lines_of, table_of

    wanted = _wanted(
        status=status,
        pipeline=pipeline,
        experiment=experiment,
        sweep=sweep,
        parameter=parameter or [],
        metric=metric or [],
        starred=starred,
        rating=rating,
        tag=tag,
        sort=sort,
        columns=[name.strip() for given in columns or [] for name in given.split(",") if name.strip()],
    )
    if as_csv and as_json:
        raise WorkbenchError(
            "settings.invalid", "choose one form", where="--csv", seen="--csv --json", allowed="--csv or --json"
        )
    deployment = connect()
    if as_csv:
        sys.stdout.write(csv_of(table_of(deployment, wanted, limit)))
        return
    page = deployment.store.list(wanted.model_copy(update={"limit": min(limit or 20, 1000)}))
    if (limit or 0) > len(page.jobs) < page.total:
        page = page.model_copy(update={"jobs": list(lines_of(deployment, wanted, limit))})
    if as_json:
        print_json(page)
        return
    if not page.jobs:
        print('There are no jobs yet. Run the first: `workbench run talking_head --portrait sample --prompt "…"`.')
        return
    names = [str(column) for column in wanted.columns]
    short = [name.partition(":")[2] for name in names]
    marks = ("★", "rating") if any(line.starred or line.rating for line in page.jobs) else ()
    headings = ("job", "status", "pipeline", "experiment", "nodes", "cached", *_TIMES, *marks, *short, "accepted")
    rows = [_row(line, names, with_marks=bool(marks)) for line in page.jobs]
    print_table(headings, rows, _STYLES, wide=("cached", "first frame", "accepted"))
    if page.total > len(rows):
        print(f"{page.total - len(rows)} more; use --limit to show them")


def _row(line: JobLine, names: list[str], *, with_marks: bool) -> tuple[Any, ...]:
    times = (line.compute_seconds, line.waiting_seconds, line.first_frame_seconds)
    marks = ("★" if line.starred else "", line.rating or "") if with_marks else ()
    return (
        line.id,
        line.status.value,
        line.pipeline or line.workflow_id,
        line.experiment,
        f"{line.nodes_completed}/{line.nodes}",
        line.nodes_cached or "",
        *("" if value is None else f"{value:.1f} s" for value in times),
        *marks,
        *(_shown(line.values.get(name)) for name in names),
        time.strftime("%Y-%m-%d %H:%M", time.localtime(line.created_at)),
    )


def _shown(value: Any) -> str:
    if value is None:
        return ""
    text = f"{value:.6g}" if isinstance(value, float) else str(value)
    return text if len(text) <= 40 else f"{text[:39]}…"


def _wanted(
    *, status: list[str] | None, parameter: list[str], metric: list[str], sort: str, columns: list[str], **named: Any
) -> JobFilter:
    """The filter. Raises WorkbenchError (settings.invalid, request.invalid)."""
    from schemas.status import JobStatus
    from workbench.store.job_metrics import MetricCondition
    from workbench.store.job_params import ParamCondition
    from workbench.store.listing import JobFilter
    from workbench.store.run_column import RunColumn, RunOrder

    unknown = sorted(set(status or []) - set(JobStatus))
    if unknown:
        raise WorkbenchError(
            "settings.invalid",
            "unknown job status",
            where="--status",
            seen=unknown,
            allowed=list(JobStatus),
        )
    return JobFilter(
        status=[JobStatus(name) for name in status] if status else None,
        params=[ParamCondition.parse(condition) for condition in parameter],
        metrics=[MetricCondition.parse(condition) for condition in metric],
        order=RunOrder.parse(sort),
        columns=[RunColumn.parse(name) for name in dict.fromkeys(columns)],
        **named,
    )


@command
def mark(
    jobs: Annotated[list[str], typer.Argument(metavar="JOB…", help="Ids of jobs.")],
    star: Annotated[bool | None, typer.Option("--star/--no-star", help="Give or take the star.")] = None,
    rating: Annotated[int | None, typer.Option(min=0, max=5, help="1 to 5; 0 removes the rating.")] = None,
    tag: Annotated[list[str] | None, typer.Option(help="Add this tag. Repeatable.")] = None,
    untag: Annotated[list[str] | None, typer.Option(help="Remove this tag. Repeatable.")] = None,
    as_json: Json = False,
) -> None:
    """Star, rate and tag jobs. Everybody sees these marks who sees the jobs."""
    from schemas.name import checked_name
    from workbench.client import runs
    from workbench.client.access import LOCAL
    from workbench.store.job_marks import MarkChange

    added = [checked_name(one, "--tag") for one in tag or []]
    change = MarkChange(star, rating, None, added, untag or [])
    now = runs.mark_many(connect(), LOCAL, jobs, change)
    if as_json:
        print_json([one.model_dump(mode="json", by_alias=True) for one in now])
        return
    rows = [(one.job_id, "★" if one.starred else "", one.rating or "", ", ".join(one.tags)) for one in now]
    print_table(("job", "★", "rating", "tags"), rows)
