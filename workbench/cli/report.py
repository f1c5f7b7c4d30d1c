"""The report on a job after its end."""

from __future__ import annotations

from schemas.errors import WorkbenchError
from schemas.job import JobRecord, JobView
from schemas.lora import TRAINING
from schemas.series import sentence
from workbench.cli.output import error_text, print_table
from workbench.client.deployment import Deployment
from workbench.client.loras import trained_loras
from workbench.client.metric_meanings import by_dotted_name, meanings
from workbench.client.mlflow_access import NO_ADDRESS
from workbench.store.job_times import times_of
from workbench.terminal.questions import this_program

_STYLES = {"completed": "green", "failed": "bold red", "skipped": "dim", "cancelled": "yellow", "running": "cyan"}


def print_report(deployment: Deployment, record: JobRecord, shown: JobView) -> None:
    """Print the nodes with their durations, the metrics, and the locations of the results."""
    print()
    rows = [
        (
            node.id,
            node.service,
            node.plane.value,
            node.status.value,
            "cached" if node.cached else f"{node.seconds:.2f}" if node.seconds is not None else "",
            node.attempt or "",
            node.worker,
        )
        for node in shown.nodes
    ]
    print_table(("node", "service", "plane", "status", "seconds", "attempt", "worker"), rows, _STYLES)
    if shown.metrics:
        print()
        known = by_dotted_name(meanings(deployment, record.nodes))
        metrics = [
            (name, f"{value:.4g}", *((one.unit, one.direction) if (one := known.get(name)) else ("", "")))
            for name, value in sorted(shown.metrics.items())
        ]
        print_table(("metric", "value", "unit", "better"), metrics)
    curves = [sentence(f"{node.id}.{name}", its) for node in record.nodes for name, its in node.series.items()]
    if curves:
        print("\n".join(["", *curves]))
    print()
    page = deployment.settings.app_url
    facts = [
        ("video", shown.video),
        ("job", f"{record.id}  {record.status.value}"),
        ("time", times.words if (times := times_of(record)) else None),
        ("lora", _lora(deployment, record)),
        ("page", f"{page}/?job={record.id}" if page else None),
        ("open", f"{this_program()} open {record.id}" if page and deployment.settings.app_token else None),
        ("mlflow", shown.mlflow_run or _no_run_page(deployment, record)),
        ("stop", f"{this_program()} down"),
    ]
    for name, value in facts:
        if value:
            print(f"{name:>7}  {value}")
    if shown.error is not None:
        print()
        print(error_text(WorkbenchError.from_info(shown.error), log_lines=25))


def _lora(deployment: Deployment, record: JobRecord) -> str | None:
    """How to use the LoRA that the job trained."""
    if record.pipeline != TRAINING:
        return None
    made = next(iter(trained_loras(deployment, None, job=record.id)), None)
    return f"{made.name}  trigger word {made.trigger}; other pipelines take it by --lora {made.name}" if made else None


def _no_run_page(deployment: Deployment, record: JobRecord) -> str | None:
    """The text in place of a missing link to the MLflow run."""
    if not deployment.settings.mlflow_url:
        return None
    now = deployment.job(record.id)
    if now.tracking_error:
        return f"not recorded: {now.tracking_error}"
    return NO_ADDRESS if now.mlflow_run_id else "not recorded yet"
