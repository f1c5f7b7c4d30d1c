"""Stored bytes that are damaged or gone are recomputed, restored, or reported with a remedy."""

from __future__ import annotations

import io
import secrets
from pathlib import Path
from typing import Any

import pytest
from minio import Minio
from minio.error import S3Error

from schemas.errors import WorkbenchError
from schemas.job import JobRecord
from schemas.refs import FileRef, TextRef
from schemas.retention import CollectionRequest
from schemas.status import JobStatus
from tests.live import Diary, LiveDeployment
from workbench.client.deletion import parts_of
from workbench.client.rerun import rerun
from workbench.client.uploads import store_file
from workbench.retention.collecting import REACHED, collect
from workbench.retention.healing import check_artifact
from workbench.retention.verification import verify_artifacts
from workbench.store.damage import Condition, condition
from workbench.store.objects import Objects, object_key

pytestmark = pytest.mark.stack
KIB = 80


def raw(live: LiveDeployment) -> Minio:
    """Direct access to the object store."""
    given = live.settings
    host = given.s3_url.removeprefix("http://")
    return Minio(host, given.s3_access_key, given.s3_secret_key, secure=False, region=given.s3_region)


def spoil(live: LiveDeployment, ref: TextRef, how: str = "flipped", *, cached: bool = False) -> None:
    """Damage the object; remove the copy in the home's cache unless ``cached``."""
    bucket, key = live.settings.s3_bucket, object_key(ref.sha256)
    data = bytearray(live.deployment.objects.read(ref))
    data[len(data) // 2] ^= 1
    if how == "gone":
        raw(live).remove_object(bucket, key)
    else:
        bad = bytes(data) if how == "flipped" else bytes(data[:-1])
        raw(live).put_object(bucket, key, io.BytesIO(bad), len(bad), metadata={"sha256": ref.sha256})
    if not cached:
        (live.deployment.cache.folder / ref.sha256[:2] / ref.sha256).unlink(missing_ok=True)


def file_of(record: JobRecord, node: str = "made") -> TextRef:
    output = record.node(node).output
    assert output is not None
    return TextRef.model_validate(output["file"])


def made_and_read(diary: Diary, value: str, service: str = "probe.cached") -> dict[str, Any]:
    return {
        "made": diary.probe(value, service, file_kib=KIB),
        "read": {"service": "probe.reader_control", "input": {"file": "$made.file"}},
    }


def check_whole(live: LiveDeployment, record: JobRecord, ref: TextRef) -> None:
    assert record.status is JobStatus.COMPLETED, record.error
    assert record.node("read").output == {"digest": ref.sha256}
    live.deployment.objects.verify(ref)


@pytest.fixture
def value() -> str:
    return f"made-{secrets.token_hex(4)}"


@pytest.mark.parametrize(("how", "known"), [("flipped", 1), ("truncated", 0), ("gone", 0)])
def test_a_rerun_produces_damaged_bytes_again(
    live: LiveDeployment, diary: Diary, value: str, how: str, known: int
) -> None:
    first = live.run(made_and_read(diary, value), [("made", "read")])
    ref = file_of(first)
    spoil(live, ref, how)
    again = live.submit(made_and_read(diary, value), [("made", "read")])
    assert again.known == known, "damage that no check shows is found by the node that reads it"
    record = live.finish(again.job)
    check_whole(live, record, ref)
    assert diary.count(value) == 2
    if how == "flipped":
        lost = [event for event in live.deployment.events(again.job) if event.type == "node.lost"]
        assert [(event.node, event.data["artifact"], event.data["reader"]) for event in lost] == [
            ("made", ref.sha256, "read")
        ]
    assert live.submit(made_and_read(diary, value), [("made", "read")]).known == 1


def test_a_running_job_repairs_a_damaged_input(live: LiveDeployment, diary: Diary, value: str, tmp_path: Path) -> None:
    """The producer is never cached, on another plane, and two steps before the node that reads its bytes."""
    gate = tmp_path / "gate"
    nodes = made_and_read(diary, value, "probe.data")
    nodes["between"] = {**diary.probe(f"{value}-between", gate=str(gate)), "input": {"text": "$made.text"}}
    job = live.submit(nodes, [("made", "between"), ("between", "read")]).job
    live.await_event(job, "node.running", "between")
    made = live.await_event(job, "node.completed", "made")
    ref = TextRef.model_validate(made.data["output"]["file"])
    spoil(live, ref)
    gate.touch()
    record = live.finish(job)
    check_whole(live, record, ref)
    assert (diary.count(value), diary.count(f"{value}-between")) == (2, 1)
    assert {node.attempt for node in record.nodes} == {1}


def test_damage_to_another_jobs_bytes_names_that_job_and_its_rerun_repairs_them(
    live: LiveDeployment, diary: Diary, value: str
) -> None:
    maker = live.run(made_and_read(diary, value), [("made", "read")])
    ref = file_of(maker)
    spoil(live, ref)
    reader = {"read": {"service": "probe.reader", "input": {"file": ref.model_dump(mode="json")}}}
    with pytest.raises(WorkbenchError) as caught:
        live.submit(reader)
    assert caught.value.code == "store.corrupt"
    assert f"workbench job rerun {maker.id}" in caught.value.remedy
    again = rerun(live.deployment, maker.id)
    assert again.known == 0
    check_whole(live, live.finish(again.job), ref)
    assert live.run(reader).node("read").output == {"digest": ref.sha256}


def test_a_rerun_verifies_cached_bytes(live: LiveDeployment, diary: Diary, value: str) -> None:
    """So far, only a person has noticed the damage, in the browser."""
    nodes = {"made": made_and_read(diary, value)["made"]}
    first = live.run(nodes)
    spoil(live, file_of(first))
    assert rerun(live.deployment, first.id).known == 0


def test_a_damaged_upload_is_named_and_repaired_by_a_new_upload(live: LiveDeployment, tmp_path: Path) -> None:
    mine = tmp_path / "letter.txt"
    mine.write_bytes(secrets.token_bytes(KIB << 10))
    ref = store_file(live.deployment, mine, "text")[0]
    live.deployment.grants.add_upload("ana", ref, {})
    spoil(live, ref)
    reader = {"read": {"service": "probe.reader", "input": {"file": ref.model_dump(mode="json")}}}
    with pytest.raises(WorkbenchError) as caught:
        live.submit(reader)
    assert (caught.value.code, "letter.txt" in caught.value.message) == ("store.corrupt", True)
    assert "Upload the same file again" in caught.value.remedy
    assert live.deployment.objects.has(ref.sha256), "the damaged object was removed although nothing can replace it"
    store_file(live.deployment, mine, "text")
    assert live.run(reader).node("read").output == {"digest": ref.sha256}


def test_verification_finds_restores_removes_and_reports_damage(live: LiveDeployment, diary: Diary, value: str) -> None:
    kept, lost = (file_of(live.run({"made": diary.probe(value + end, file_kib=KIB)})) for end in "ab")
    spoil(live, kept, cached=True)
    spoil(live, lost)
    looked = {item.ref.sha256: item for item in verify_artifacts(live.deployment, repair=False).damaged}
    assert {looked[ref.sha256].condition for ref in (kept, lost)} == {Condition.DAMAGED}
    assert condition(live.deployment.objects, lost) is Condition.DAMAGED, "a check without repair changed the object"
    found = verify_artifacts(live.deployment)
    damaged = {item.ref.sha256: item for item in found.damaged}
    assert found.whole and found.artifacts >= 2 and found.size_bytes >= 2 * (KIB << 10)
    assert damaged[kept.sha256].restored_from == "the cache of this home"
    assert damaged[lost.sha256].removed and damaged[lost.sha256].heals
    assert condition(live.deployment.objects, kept) is Condition.GOOD
    assert condition(live.deployment.objects, lost) is Condition.MISSING
    behind = verify_artifacts(live.deployment, after=min(kept.sha256, lost.sha256), most_bytes=1)
    assert not behind.whole and behind.artifacts >= 1
    job = damaged[lost.sha256].origin.made_by[0]
    live.finish(rerun(live.deployment, job).job)
    assert check_artifact(live.deployment, lost) is None


class Rotten(Minio):
    """A client that fails for one object, as SeaweedFS does when its disk returns different bytes."""

    key = ""

    def get_object(self, bucket_name: str, object_name: str, *args: Any, **options: Any) -> Any:  # type: ignore[override]
        if object_name == self.key:
            raise S3Error(None, "InternalError", "We encountered an internal error", object_name, "", "")  # type: ignore[arg-type]
        return super().get_object(bucket_name, object_name, *args, **options)


def test_a_collection_verifies_remaining_objects_and_continues_where_it_ended(
    live: LiveDeployment, diary: Diary, value: str
) -> None:
    ref = file_of(live.run(made_and_read(diary, value), [("made", "read")]))
    spoil(live, ref)
    parts = parts_of(live.deployment)
    parts.store.set_note(REACHED, f"{int(ref.sha256, 16) - 1:064x}")
    first = collect(parts, CollectionRequest(), wait_s=30.0, verify_s=1e-6).verified
    assert (first.count, first.bytes) == (1, KIB << 10)
    assert len(first.damaged) == 1 and ref.sha256[:12] in first.damaged[0] and "job rerun" in first.damaged[0]
    assert not live.deployment.objects.has(ref.sha256), "the node that produced it is a cache miss"
    assert parts.store.note(REACHED) == ("" if first.whole else ref.sha256)
    assert collect(parts, CollectionRequest(dry_run=True)).verified.count == 0


def test_an_unreadable_object_does_not_count_as_an_unreachable_store(live: LiveDeployment, tmp_path: Path) -> None:
    data = secrets.token_bytes(1000)
    (tmp_path / "file").write_bytes(data)
    ref = store_file(live.deployment, tmp_path / "file", "file")[0]
    given = live.settings
    rotten = Rotten(
        given.s3_url.removeprefix("http://"),
        given.s3_access_key,
        given.s3_secret_key,
        secure=False,
        region=given.s3_region,
    )
    objects = Objects(rotten, given.s3_bucket, given.s3_url)
    rotten.key = object_key(ref.sha256)
    with pytest.raises(WorkbenchError) as caught:
        objects.get(ref, tmp_path / "copy")
    assert caught.value.code == "store.corrupt"
    assert condition(objects, ref) is Condition.UNREADABLE
    assert not list(rotten.list_objects(given.s3_bucket, prefix="probe/", recursive=True))
    assert condition(objects, FileRef(sha256="0" * 64)) is Condition.MISSING
