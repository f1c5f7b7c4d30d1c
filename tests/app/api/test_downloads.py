"""Results that leave by download: signed, stated, recognised later; the stored artifact stays as it is."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest

from schemas.delivery import SignatureState, Verification
from schemas.job import JobRecord
from schemas.refs import Ref, VideoRef
from tests.app.api.conftest import Asking, Client
from tests.live import LiveDeployment
from tests.store.media import write_clip, write_tone
from workbench.client.delivery.deliver import deliver, save
from workbench.client.delivery.verify import verify
from workbench.client.uploads import keep_upload, store_file
from workbench.client.view import final_video
from workbench.store.deliveries import Deliveries

pytestmark = pytest.mark.stack


def remuxed(live: LiveDeployment, folder: Path, hue: int) -> tuple[JobRecord, dict[str, Any]]:
    """A finished job that made a video, and its node; ``hue`` makes its video differ from those of other tests."""
    clip, tone = write_clip(folder / "clip.mp4", 0.4, hue=hue), write_tone(folder / "tone.wav", 0.4)
    given = {
        name: store_file(live.deployment, path, name, owner="local")[0].model_dump(mode="json")
        for name, path in (("video", clip), ("audio", tone))
    }
    node = {"service": "generate.remux", "input": given}
    return live.run({"mux": node}), node


def video_of(record: JobRecord) -> Ref:
    ref = final_video(record)
    assert ref is not None, record.error
    return ref


def verified(live: LiveDeployment, folder: Path, content: bytes) -> Verification:
    file = folder / "received.mp4"
    file.write_bytes(content)
    return verify(file, live.settings)


def test_a_download_is_signed_and_the_stored_artifact_stays_as_it_is(
    api: Client, live: LiveDeployment, tmp_path: Path
) -> None:
    record, node = remuxed(live, tmp_path, 1)
    ref = video_of(record)
    url = f"/api/artifacts/{ref.sha256}"
    answer = api.get(url, params={"download": 1}, follow_redirects=False)
    assert answer.status_code == 200 and answer.headers["content-disposition"].startswith("attachment")
    digest = hashlib.sha256(answer.content).hexdigest()
    assert answer.headers["etag"] == f'"{digest}"' and digest != ref.sha256

    found = verified(live, tmp_path, answer.content)
    assert (found.state, found.problems) == (SignatureState.TRUSTED, [])
    assert found.source_type == "http://cv.iptc.org/newscodes/digitalsourcetype/algorithmicMedia"  # no model took part
    assert found.statement is not None and found.statement.artifact == ref.sha256
    assert (found.statement.job, found.statement.graph) == (record.id, record.graph_hash)
    assert [(used.service, used.version) for used in found.statement.services] == [("generate.remux", "1.1.0")]
    assert {used.sha256 for used in found.statement.inputs} == {given["sha256"] for given in node["input"].values()}
    assert found.known is not None and (found.known.job, found.known.artifact) == (record.id, ref.sha256)

    stored = live.deployment.open(ref).read_bytes()
    assert hashlib.sha256(stored).hexdigest() == ref.sha256 and live.deployment.objects.has(ref.sha256)
    assert api.get(url, follow_redirects=False).status_code == 307  # a player gets the stored bytes
    assert verified(live, tmp_path, stored).state is SignatureState.UNSIGNED


def test_an_interrupted_download_continues_with_the_same_bytes(
    api: Client, live: LiveDeployment, tmp_path: Path
) -> None:
    url = f"/api/artifacts/{video_of(remuxed(live, tmp_path, 2)[0]).sha256}?download=1"
    head, whole = api.head(url), api.get(url)
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-length"] == str(len(whole.content)) and head.headers["etag"] == whole.headers["etag"]
    rest = api.get(url, headers={"Range": "bytes=1000-", "If-Range": whole.headers["etag"]})
    assert (rest.status_code, rest.content) == (206, whole.content[1000:])
    stale = api.get(url, headers={"Range": "bytes=1000-", "If-Range": '"of another signature"'})
    assert (stale.status_code, stale.content) == (200, whole.content)


def test_a_file_that_a_person_gave_is_not_marked(api: Client, live: LiveDeployment, tmp_path: Path) -> None:
    _, node = remuxed(live, tmp_path, 3)
    given = node["input"]["video"]
    answer = api.get(f"/api/artifacts/{given['sha256']}?download=1", follow_redirects=False)
    assert answer.status_code == 307
    assert deliver(live.deployment, VideoRef.model_validate(given)).unsigned_because == ""


def test_a_manifest_names_no_job_of_another_user(
    live: LiveDeployment, asking: Asking, api: Client, tmp_path: Path
) -> None:
    _, node = remuxed(live, tmp_path, 4)
    graph = {"schema": "langgraph.v1", "workflowId": "w", "nodes": [{"id": "mux", **node}], "edges": []}
    accepted = asking("ann/runner").post("/api/uploads", files={"file": (tmp_path / "clip.mp4").read_bytes()})
    assert accepted.status_code < 300, accepted.text
    assert asking("ann/runner").post("/api/uploads", files={"file": (tmp_path / "tone.wav").read_bytes()}).is_success
    job = asking("ann/runner").post("/api/jobs", json={"graph": graph}).json()["jobId"]
    ref = video_of(live.finish(job))
    for client, allowed in ((asking("ann/runner"), {job}), (api, {job})):
        content = client.get(f"/api/artifacts/{ref.sha256}?download=1").content
        statement = verified(live, tmp_path, content).statement
        assert statement is not None and statement.job in allowed
    later = live.run({"mux": node})  # the administrator's own job has the same result
    theirs = asking("ann/runner").get(f"/api/artifacts/{ref.sha256}?download=1").content
    statement = verified(live, tmp_path, theirs).statement
    assert statement is not None and statement.job == job != later.id


def test_a_delivered_file_is_recognised_when_it_comes_back(live: LiveDeployment, tmp_path: Path) -> None:
    record, _ = remuxed(live, tmp_path, 5)
    saved = save(live.deployment, video_of(record), tmp_path / "out" / "video.mp4", record=record)
    assert saved.signed and [path.name for path in saved.path.parent.iterdir()] == ["video.mp4"]
    [warning] = [
        w for w in keep_upload(live.deployment, saved.path, owner="local").warnings if w.code == "file.synthetic"
    ]
    assert record.id in warning.message
    [other] = [w for w in keep_upload(live.deployment, saved.path, owner="eve").warnings if w.code == "file.synthetic"]
    assert record.id not in other.message


def test_an_erasure_by_a_delivered_file_removes_its_digest_and_its_signed_copy(
    api: Client, live: LiveDeployment, tmp_path: Path
) -> None:
    record, _ = remuxed(live, tmp_path, 6)
    ref = video_of(record)
    found = deliver(live.deployment, ref, record=record)
    assert found.path.is_file()
    report = api.post("/api/erasures", json={"file": found.sha256}).json()
    assert report["jobs"] == [record.id] and report["whole"], report
    assert not found.path.exists() and not live.deployment.objects.has(ref.sha256)
    assert Deliveries(live.deployment.store.database).find(found.sha256) is None


def test_what_cannot_be_signed_is_delivered_with_the_reason(
    live: LiveDeployment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ref = video_of(remuxed(live, tmp_path, 7)[0])
    webm = deliver(live.deployment, ref.model_copy(update={"media_type": "video/webm"}))
    assert not webm.signed and "video/webm" in webm.unsigned_because
    monkeypatch.setitem(__import__("sys").modules, "c2pa", None)
    plain = deliver(live.deployment, ref)
    assert not plain.signed and "c2pa-python" in plain.unsigned_because and plain.sha256 == ref.sha256
