"""The metrics of compared runs: which is best, and how far seeds alone move them."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence

from schemas.comparison import ComparedMetric, Interval
from schemas.job import JobRecord
from schemas.metric import Metric
from workbench.client.comparison.chosen import Chosen
from workbench.client.comparison.differences import without_seed
from workbench.client.deployment import Deployment
from workbench.client.metric_meanings import JOB_TIMES, by_dotted_name, meanings
from workbench.store.job_times import first_frame_s, times_of
from workbench.store.listing import JobFilter

MOST_SIBLINGS = 200  # runs of one sweep that are looked at for further seeds
# The 97.5 % quantile of Student's t by degrees of freedom; the normal one beyond.
_T = (12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160, 2.145, 2.131, 2.120,
      2.110, 2.101, 2.093, 2.086, 2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042)  # fmt: skip


def metrics_of(record: JobRecord) -> dict[str, float]:
    """node.metric, and the times of the job, of a run."""
    found = {f"{node.id}.{name}": value for node in record.nodes for name, value in node.metrics.items()}
    times, first = times_of(record), first_frame_s(record.created_at, record.nodes)
    if times is not None and times.compute_s is not None:
        found["compute_seconds"] = times.compute_s
    if first is not None:
        found["first_frame_seconds"] = first
    return {name: value for name, value in found.items() if math.isfinite(value)}


def metrics(deployment: Deployment, chosen: Sequence[Chosen], reader: str | None) -> list[ComparedMetric]:
    """All metrics that at least one run has, declared ones with a direction first.

    Args:
        reader: whose runs count for the intervals; None for all owners.
    """
    own = [metrics_of(one.record) if one.record else {} for one in chosen]
    known: dict[str, Metric] = dict(JOB_TIMES)
    for one in chosen:
        if one.record is not None:
            known |= by_dotted_name(meanings(deployment, one.record.nodes))
    seeds = _further_seeds(deployment, chosen, reader)
    found = []
    for name in dict.fromkeys(name for values in own for name in values):
        values = [its.get(name) for its in own]
        metric = known.get(name)
        found.append(
            ComparedMetric(
                name=name,
                unit=metric.unit if metric else "",
                better=metric.better if metric else "neither",
                meaning=metric.meaning if metric else "",
                values=values,
                best=best(values, metric.better if metric else "neither"),
                intervals=[interval([run[name] for run in runs if name in run]) for runs in seeds],
            )
        )
    return sorted(found, key=lambda one: (one.name not in known, one.name in JOB_TIMES, one.better == "neither"))


def best(values: Sequence[float | None], better: str) -> list[int]:
    """Positions of the best values; none if they are all equal, or only one is known."""
    known = [value for value in values if value is not None]
    if better == "neither" or len(known) < 2 or min(known) == max(known):
        return []
    wanted = min(known) if better == "lower" else max(known)
    return [at for at, value in enumerate(values) if value == wanted]


def interval(values: Sequence[float]) -> Interval | None:
    """The mean and its 95 % interval; None for fewer than two values."""
    if len(values) < 2:
        return None
    mean = statistics.fmean(values)
    factor = _T[len(values) - 2] if len(values) - 2 < len(_T) else 1.96
    half = factor * statistics.stdev(values) / math.sqrt(len(values))
    return Interval(mean=mean, low=mean - half, high=mean + half, runs=len(values))


def _further_seeds(
    deployment: Deployment, chosen: Sequence[Chosen], reader: str | None
) -> list[list[Mapping[str, float]]]:
    """For each video, the metrics of all finished runs of its sweep, or of the comparison, that differ only by seed."""
    records = {one.record.id: one.record for one in chosen if one.record}
    for sweep in {record.sweep for record in records.values() if record.sweep}:
        page = deployment.store.list(JobFilter(sweep=sweep, reader=reader, limit=MOST_SIBLINGS))
        for line in page.jobs:
            if line.id not in records and line.finished_at and (record := deployment.store.get(line.id)):
                records[line.id] = record
    groups: dict[str, dict[int, JobRecord]] = {}
    for record in records.values():
        groups.setdefault(without_seed(record.graph), {}).setdefault(record.seed, record)
    return [
        [metrics_of(record) for record in groups[without_seed(one.record.graph)].values()] if one.record else []
        for one in chosen
    ]
