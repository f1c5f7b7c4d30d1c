"""Studies: create, list, show, close, their links, and the export of raw votes."""

from __future__ import annotations

import csv
import io
import time
from collections.abc import Sequence

from schemas.errors import WorkbenchError
from schemas.job import JobRecord
from schemas.status import JobStatus
from schemas.vote import (
    MAX_ITEMS,
    LinkRequest,
    NewRaterLink,
    RawVote,
    StudyExport,
    StudyInFull,
    StudyItem,
    StudyLine,
    StudyList,
    StudyRequest,
    StudyState,
)
from workbench.client.access import User, may_see_mlflow, need_runner, reader, visible
from workbench.client.deployment import Deployment
from workbench.client.mlflow_access import PATH as MLFLOW_PATH
from workbench.client.view import final_video
from workbench.client.votes.labels import labels_of
from workbench.client.votes.results import results_of
from workbench.pipelines.registry import pipelines
from workbench.store.job_deletion import JobDeletion
from workbench.store.listing import JobFilter
from workbench.store.mlflow_pages import run_url
from workbench.store.rater_links import RaterLinks
from workbench.store.votes import Study, Votes


def create(deployment: Deployment, user: User, asked: StudyRequest) -> StudyInFull:
    """A new study. Raises WorkbenchError: access.forbidden, job.unknown, study.bad_items."""
    need_runner(user)
    records = _records(deployment, user, asked)
    if not 2 <= len(records) <= MAX_ITEMS:
        raise _bad_items(f"there are {len(records)} jobs", len(records))
    labels = {**labels_of(deployment, records), **asked.labels}
    items = [StudyItem(job=one.id, sha256=_video(one), label=labels[one.id][:200]) for one in records]
    store = Votes(deployment.store.database)
    made = store.create(user.name, asked.name, records[0].experiment, items, asked.settings)
    return show(deployment, user, made.id)


def find(deployment: Deployment, user: User, study: str) -> Study:
    """A study that the user may see. Raises WorkbenchError (study.unknown)."""
    found = Votes(deployment.store.database).get(study)
    if found is None or not user.may_see(found.owner):
        raise unknown(study)
    return found


def changeable(deployment: Deployment, user: User, study: str) -> Study:
    """A study that the user may change. Raises WorkbenchError: study.unknown, access.forbidden."""
    found = find(deployment, user, study)
    need_runner(user)
    if not user.may_change(found.owner):
        raise WorkbenchError(
            "access.forbidden",
            f"the study belongs to {found.owner}",
            where=study,
            seen=user.name,
            allowed=[found.owner, "admin"],
            remedy="Create a study of your own from the same runs.",
        )
    return found


def show(deployment: Deployment, user: User, study: str) -> StudyInFull:
    """A study with its results. Raises WorkbenchError (study.unknown)."""
    found = find(deployment, user, study)
    [line] = _lines(deployment, [found])
    run = found.mlflow_run_id if may_see_mlflow(user, deployment.settings) else None
    return StudyInFull(
        **dict(line),
        settings=found.settings,
        contents=with_gone(deployment, found),
        results=results_of(deployment, found),
        links=list(RaterLinks(deployment.store.database).of(study)) if user.may_change(found.owner) else [],
        may_change=user.may_change(found.owner),
        mlflow_run=run_url(MLFLOW_PATH, run) if run else None,
    )


def listed(deployment: Deployment, user: User, limit: int = 50, offset: int = 0) -> StudyList:
    """The studies that the user may see, newest first."""
    found, total = Votes(deployment.store.database).list(reader(user), limit, offset)
    return StudyList(studies=_lines(deployment, found), total=total)


def close(deployment: Deployment, user: User, study: str, *, again: bool = False) -> StudyInFull:
    """Close a study, or open it again. Raises WorkbenchError: study.unknown, access.forbidden."""
    changeable(deployment, user, study)
    Votes(deployment.store.database).set_state(study, StudyState.OPEN if again else StudyState.CLOSED)
    return show(deployment, user, study)


def remove(deployment: Deployment, user: User, study: str) -> None:
    """Remove a study, its votes, its links and its run in MLflow. Raises as ``close``."""
    found = changeable(deployment, user, study)
    run = Votes(deployment.store.database).remove(study)
    if run:
        JobDeletion(deployment.store.database).doom(run, found.experiment)


def add_link(deployment: Deployment, user: User, study: str, asked: LinkRequest) -> NewRaterLink:
    """A new link for raters. Raises WorkbenchError: study.unknown, access.forbidden, rater_link.exists."""
    found = changeable(deployment, user, study)
    most = asked.most_pairs or found.settings.pairs * asked.most_raters
    links = RaterLinks(deployment.store.database)
    return links.add(study, asked.name, lasts_s=asked.expires_in_s, most_pairs=most, most_raters=asked.most_raters)


def revoke_link(deployment: Deployment, user: User, study: str, name: str) -> None:
    """End a link. Raises WorkbenchError: study.unknown, access.forbidden, rater_link.unknown."""
    changeable(deployment, user, study)
    RaterLinks(deployment.store.database).revoke(study, name)


def export(deployment: Deployment, user: User, study: str) -> StudyExport:
    """All votes as they were given. Raises WorkbenchError (study.unknown)."""
    found = find(deployment, user, study)
    store = Votes(deployment.store.database)
    choices, raw = store.choices(study), []
    for pair in store.pairs(study):
        left, right = found.items[pair.left], found.items[pair.right]
        for axis, choice in choices.get(pair.id, {}).items():
            raw.append(
                RawVote(
                    pair=pair.id,
                    rater=pair.rater,
                    axis=axis,
                    left=left.label,
                    right=right.label,
                    left_job=left.job,
                    right_job=right.job,
                    choice=choice,
                    at=pair.answered_at or 0.0,
                    seconds=pair.seconds,
                    repeat_of=pair.repeat_of,
                )
            )
    [line] = _lines(deployment, [found])
    return StudyExport(study=line, items=with_gone(deployment, found), votes=raw)


def as_csv(export: StudyExport) -> str:
    """The votes as CSV (RFC 4180, UTF-8) with a header. Texts that a spreadsheet would run as a formula get a quote."""
    out = io.StringIO()
    names = list(RawVote.model_fields)
    writer = csv.writer(out)
    writer.writerow(names)
    for vote in export.votes:
        row = vote.model_dump(mode="json", by_alias=False)
        row["at"] = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(vote.at))
        writer.writerow([_inert(row[name]) for name in names])
    return out.getvalue()


def unknown(study: str) -> WorkbenchError:
    return WorkbenchError(
        "study.unknown", "there is no such study", where=study[:64], remedy="`workbench vote list` shows the studies."
    )


def gone_items(deployment: Deployment, study: Study) -> set[int]:
    """The items whose jobs were deleted."""
    ids = [item.job for item in study.items]
    there = {line.id for line in deployment.store.list(JobFilter(ids=ids, limit=len(ids))).jobs}
    return {at for at, job in enumerate(ids) if job not in there}


def with_gone(deployment: Deployment, study: Study) -> list[StudyItem]:
    """The items, those of deleted jobs marked."""
    gone = gone_items(deployment, study)
    return [item.model_copy(update={"gone": at in gone}) for at, item in enumerate(study.items)]


def _records(deployment: Deployment, user: User, asked: StudyRequest) -> list[JobRecord]:
    ids = list(dict.fromkeys(asked.jobs))
    if asked.sweep:
        found = deployment.store.list(
            JobFilter(sweep=asked.sweep, reader=reader(user), status=[JobStatus.COMPLETED], limit=MAX_ITEMS + 1)
        )
        ids += [line.id for line in reversed(found.jobs) if line.id not in ids]
        if not found.jobs:
            raise _bad_items("the sweep has no completed jobs that you may see", asked.sweep)
    if not 2 <= len(ids) <= MAX_ITEMS:
        raise _bad_items(f"there are {len(ids)} jobs", len(ids))
    return [visible(user, deployment.job(job)) for job in ids]


def _video(record: JobRecord) -> str:
    pipeline = pipelines().get(record.pipeline)
    ref = final_video(record, pipeline.result if pipeline else None)
    if ref is None or record.status is not JobStatus.COMPLETED:
        why = "has no video" if record.status is JobStatus.COMPLETED else f"is {record.status.value}"
        raise _bad_items(f"job {record.id} {why}", record.id)
    return ref.sha256


def _bad_items(message: str, seen: object) -> WorkbenchError:
    return WorkbenchError(
        "study.bad_items",
        message,
        where="jobs",
        seen=seen,
        allowed=f"2 to {MAX_ITEMS} completed jobs with a video",
        remedy="Choose other jobs; `workbench job list --status completed` shows them.",
    )


def _lines(deployment: Deployment, found: Sequence[Study]) -> list[StudyLine]:
    counts = Votes(deployment.store.database).counts([one.id for one in found])
    return [
        StudyLine(
            id=one.id,
            name=one.name,
            owner=one.owner,
            state=one.state,
            created=one.created_at,
            items=len(one.items),
            pairs=counts.get(one.id, (0, 0))[0],
            raters=counts.get(one.id, (0, 0))[1],
            axes=list(one.settings.axes),
        )
        for one in found
    ]


def _inert(value: object) -> object:
    return f"'{value}" if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t", "\r") else value
