"""The object store is unreachable, slow, broken or cut off: every job finishes later, and no reference dangles."""

from __future__ import annotations

import secrets
import time
from pathlib import Path

import pytest

from schemas.refs import TextRef
from schemas.status import JobStatus
from tests.faults.conftest import Alive, Proxied, check_no_dangling_references, events_of
from tests.faults.extent import extent
from tests.faults.proxy import Fault, Kind
from tests.live import Diary, wait_for

OUTAGE_S = extent(60.0, 3.0)
JOBS = extent(20, 3)
FILE_KIB = 300
KINDS = {
    "refused": (Kind.REFUSE, {}),
    "error 500": (Kind.ERROR, {"status": 500}),
    "error 503": (Kind.ERROR, {"status": 503}),
    "hanging": (Kind.HANG, {}),
    "slow": (Kind.SLOW, {"delay_s": extent(5.0, 0.5)}),
    "upload cut half-way": (Kind.CUT, {"after_bytes": FILE_KIB << 9}),
}


def job_with_files(diary: Diary, value: str) -> dict[str, dict[str, object]]:
    """A job with a file from the data plane, a file with parts, and a reader on the control plane."""
    return {
        "made": diary.probe(value, file_kib=FILE_KIB),
        "parts": {**diary.probe(f"{value}-parts", parts=3, part_s=0.0), "input": {"text": None}},
        "read": {"service": "probe.reader_control", "input": {"file": "$made.file"}},
    }


@pytest.mark.parametrize("name", KINDS)
def test_jobs_survive_a_failing_object_store(proxied: Proxied, diary: Diary, name: str) -> None:
    live, proxy = proxied.live, proxied.objects
    kind, how = KINDS[name]
    alive = Alive(live)
    salt = secrets.token_hex(4)
    values = [f"{salt}-{index}" for index in range(JOBS)]
    with proxy.failing(kind, **how):
        jobs = [live.submit(job_with_files(diary, value), [("made", "read")]).job for value in values]
        until = time.monotonic() + OUTAGE_S
        wait_for(lambda: proxy.hits >= (1 if kind is Kind.HANG else 3), 90, "the fault took effect")
        time.sleep(max(0.0, until - time.monotonic()))
        if kind is not Kind.SLOW:
            assert not any(live.deployment.job(job).status.final for job in jobs), "a job finished during the fault"
    struck = proxy.hits

    records = [live.finish(job, 240) for job in jobs]
    assert [record.status for record in records] == [JobStatus.COMPLETED] * JOBS
    alive.check()
    assert [diary.count(value) for value in values] == [1] * JOBS, "a node ran twice"
    assert {node.attempt for record in records for node in record.nodes} == {1}
    assert sum(len(events_of(live, job, "node.retrying")) for job in jobs) == 0
    for record in records:
        made, read = record.node("made").output, record.node("read").output
        assert made is not None and read is not None
        assert TextRef.model_validate(made["file"]).sha256 == read["digest"]
    named = check_no_dangling_references(live, records)
    assert named == 2 * JOBS
    print(f"\n{name} for {OUTAGE_S:g} s: {struck} hits; {JOBS} of {JOBS} jobs, {named} references, 0 dangling")


def test_the_timeout_of_a_node_pauses_while_the_store_is_unreachable(proxied: Proxied, diary: Diary) -> None:
    """The node may take one second and needs a tenth; it is not at fault when its parts cannot be stored."""
    live, proxy = proxied.live, proxied.objects
    with proxy.failing(Kind.REFUSE):
        job = live.submit({"a": diary.probe("a", "probe.hasty", parts=2, part_s=0.0)}).job
        wait_for(lambda: proxy.hits >= 3, what="the store received a request")
        time.sleep(2.0)
    record = live.finish(job)
    assert record.status is JobStatus.COMPLETED, record.error
    assert diary.count("a") == record.node("a").attempt == 1


def test_a_worker_can_start_while_the_store_is_unreachable(proxied: Proxied, diary: Diary, tmp_path: Path) -> None:
    """It takes work immediately and finishes it later."""
    live, proxy = proxied.live, proxied.objects
    with proxy.failing(Kind.REFUSE):
        another = live.start_role("worker", WORKBENCH_HOME=str(tmp_path))
        try:
            live.await_ready(another)
            jobs = [live.submit({"a": diary.probe(f"new-{index}", file_kib=8)}).job for index in range(2)]
            wait_for(lambda: diary.count("new-0") == diary.count("new-1") == 1, what="each worker took one")
            wait_for(lambda: proxy.hits > 0, what="the store received a request")
        finally:
            proxy.set(Fault())
            records = [live.finish(job) for job in jobs]
            another.terminate()
            another.wait(30)
    assert [record.status for record in records] == [JobStatus.COMPLETED] * 2
    assert check_no_dangling_references(live, records) == 2
