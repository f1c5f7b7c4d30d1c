"""Collection removes unreferenced bytes, even while jobs are submitted and run."""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from schemas.errors import WorkbenchError
from schemas.refs import TextRef
from schemas.retention import CollectionReport, CollectionRequest, StoreKind
from schemas.status import JobStatus
from tests.engine.graphs import document
from tests.live import Diary, LiveDeployment, wait_for
from workbench.client.deletion import delete, parts_of
from workbench.client.deployment import Deployment
from workbench.client.submit import submit_graph
from workbench.client.uploads import store_file
from workbench.control.retention import Retention, due
from workbench.engine.accept import Request
from workbench.retention.collecting import LAST, collect

pytestmark = pytest.mark.stack


@pytest.fixture
def other(live: LiveDeployment) -> Iterator[Deployment]:
    """Another client of the same deployment."""
    deployment = Deployment(live.settings)
    yield deployment
    deployment.close()


def collected(deployment: Deployment, **asked: Any) -> CollectionReport:
    return collect(parts_of(deployment), CollectionRequest(**asked), stray_s=0.0, wait_s=30.0, verify_s=0.0)


def of_kind(report: CollectionReport, kind: StoreKind) -> int:
    return sum(item.count for item in report.removed if item.kind is kind)


def file_of(live: LiveDeployment, job: str) -> str:
    output = live.finish(job).node("a").output
    assert output is not None
    return str(output["file"]["sha256"])


def test_unreferenced_bytes_are_removed_everywhere_and_a_repeated_job_computes_them_again(
    live: LiveDeployment, diary: Diary, other: Deployment
) -> None:
    value = secrets.token_hex(4)
    nodes = {"a": diary.probe(value, "probe.cached", file_kib=80)}
    job = live.submit(nodes).job
    sha256 = file_of(live, job)
    ref = TextRef(sha256=sha256, size_bytes=80 << 10)
    cached = live.deployment.open(ref)
    (live.home / "videos").mkdir(exist_ok=True)
    video = live.home / "videos" / f"{job}.mp4"
    video.write_bytes(b"a copy")
    live.deployment.objects.put_preview(job, "a", b"frame", "image/jpeg")
    key = live.deployment.job(job).node("a").content_key
    collected(live.deployment)
    assert live.deployment.objects.has(sha256) and video.exists()

    assert delete(live.deployment, job) == []
    assert not video.exists() and not live.deployment.objects.previews(job)
    before = collected(live.deployment, dry_run=True)
    assert of_kind(before, StoreKind.FILES) == 1 and live.deployment.objects.has(sha256), "nothing was removed"
    report = collected(live.deployment)
    assert report.removed == before.removed and report.bytes >= 80 << 10 and report.left == []
    assert not live.deployment.objects.has(sha256) and not cached.exists()
    assert live.deployment.store.computed([key]) == {} and key not in live.deployment.bus.references.results()
    assert collected(live.deployment, dry_run=True).removed == []

    again = submit_graph(other, Request(document(nodes)))
    assert again.known == 0 and file_of(live, again.job) == sha256
    assert diary.count(value) == 2 and live.deployment.objects.has(sha256)


def test_a_file_is_kept_while_an_unfinished_job_or_an_upload_references_it(
    live: LiveDeployment, diary: Diary, tmp_path: Path
) -> None:
    given = tmp_path / "given.txt"
    given.write_text(secrets.token_hex(40))
    claimed = store_file(live.deployment, given, "text", owner="ann")[0]
    gate = tmp_path / "gate"
    job = live.submit({"a": diary.probe(secrets.token_hex(4), parts=2, part_gate=str(gate))}).job
    part = wait_for(lambda: live.deployment.parts(job, "a"), what="a part is there")[0]
    collected(live.deployment)
    assert live.deployment.objects.has_all([part, claimed]), "only the bus references the part"
    gate.touch()
    assert live.finish(job).status is JobStatus.COMPLETED
    assert live.deployment.grants.drop_upload("ann", claimed.sha256) and not live.deployment.grants.drop_upload(
        "ann", "0" * 64
    )
    collected(live.deployment)
    assert not live.deployment.objects.has(claimed.sha256)
    with pytest.raises(WorkbenchError, match="not in the object store") as refused:
        live.submit({"a": {"service": "probe.reader", "input": {"file": claimed.model_dump(by_alias=True)}}})
    assert refused.value.code == "store.missing"


def test_no_job_references_missing_bytes_while_others_delete_and_collect(live: LiveDeployment, tmp_path: Path) -> None:
    values = [secrets.token_hex(4) for _ in range(2)]
    stop, faults, done = threading.Event(), list[str](), list[str]()

    def repeat(step: Callable[[Deployment, int], None]) -> None:
        deployment = Deployment(live.settings)
        count = 0
        while not stop.is_set() and not faults:
            try:
                step(deployment, count)
            except Exception as fault:
                faults.append(f"{type(fault).__name__}: {fault}")
            count += 1

    def compute(deployment: Deployment, count: int) -> None:
        service = "probe.data" if count % 3 == 2 else "probe.cached"
        probe = {"service": service, "params": {"value": values[count % 2], "file_kib": 70}}
        job = submit_graph(deployment, Request(document({"a": probe}))).job
        record = wait_for(lambda: found if (found := deployment.job(job)).status.final else None, what=job)
        output = record.node("a").output
        if not output or not deployment.objects.has(output["file"]["sha256"]):
            faults.append(f"{job} {record.status} {output}")
        delete(deployment, job)
        done.append("job")

    def upload_file(deployment: Deployment, count: int) -> None:
        path = tmp_path / "brought.txt"
        if not path.exists():
            path.write_text(values[0] * 10_000)
        ref = store_file(deployment, path, "text", owner="ann")[0]
        if not deployment.objects.has(ref.sha256):
            faults.append(f"the upload {ref.sha256} is claimed and not there")
        deployment.grants.drop_upload("ann", ref.sha256)
        done.append("upload")

    threads = [threading.Thread(target=repeat, args=(step,)) for step in (compute, compute, upload_file)]
    for thread in threads:
        thread.start()
    removed, until = 0, time.monotonic() + 60

    def enough() -> bool:
        return removed >= 15 and done.count("job") >= 20 and done.count("upload") >= 20

    while not faults and not enough() and time.monotonic() < until:
        removed += of_kind(collected(live.deployment), StoreKind.FILES)
    stop.set()
    for thread in threads:
        thread.join()
    print(f"{done.count('job')} jobs, {done.count('upload')} uploads, {removed} artifacts removed")
    assert not faults and enough()


def test_the_control_plane_collects_daily_when_enabled(live: LiveDeployment, diary: Diary) -> None:
    job = live.submit({"a": diary.probe(secrets.token_hex(4))}).job
    kept = live.submit({"a": diary.probe(secrets.token_hex(4))}, metadata={"tags": ["paper"]}).job
    for each in (job, kept):
        live.finish(each)
    live.deployment.store.set_note(
        LAST, live.deployment.store.note(LAST) or collected(live.deployment).to_json().decode()
    )
    assert not due(live.deployment.store, time.time()) and due(live.deployment.store, time.time() + 24 * 3600)
    with live.deployment.store.database.write() as connection:
        connection.exec_driver_sql("DELETE FROM bench WHERE key = ?", (LAST,))
    given = {"retention_older_than": "0s", "retention_keep_tags": "paper, talk"}
    service = Retention(live.settings.model_copy(update=given), live.deployment.store)
    thread = threading.Thread(target=service.run)
    thread.start()
    wait_for(lambda: live.deployment.store.note(LAST), what="it has collected")
    service.stopping.set()
    thread.join(10)
    assert live.deployment.store.get(job) is None and live.deployment.store.get(kept) is not None
