"""Erasure over HTTP: permissions, reports, and that no trace remains."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Any

import pytest

from tests.app.api.conftest import Asking, Client, refused
from tests.app.api.test_jobs import probe, submit
from tests.app.uploads.media import picture
from tests.live import LiveDeployment
from workbench.client.uploads import store_file

pytestmark = pytest.mark.stack


def counts(report: dict[str, Any]) -> dict[str, int]:
    return {item["kind"]: item["count"] for item in report["removed"]}


def reading(live: LiveDeployment, client: Client, ref: Any) -> str:
    """Run a job of this client with the file as input; return it when it has finished."""
    node = {"service": "probe.reader", "input": {"file": ref.model_dump(mode="json", by_alias=True)}}
    job = submit(client, {"a": node})
    live.finish(job)
    return job


def test_a_user_erases_only_their_share_of_a_common_file_and_an_admin_erases_it_completely(
    api: Client, asking: Asking, live: LiveDeployment, tmp_path: Path
) -> None:
    path = tmp_path / "shared.txt"
    path.write_text(secrets.token_hex(40_000))
    refs = [store_file(live.deployment, path, "text", owner=owner)[0] for owner in ("ann", "bob")]
    sha256 = refs[0].sha256
    ann, bob = asking("ann/runner"), asking("bob/runner")
    jobs = {name: reading(live, client, refs[0]) for name, client in (("ann", ann), ("bob", bob))}
    refused(asking("eve/runner").post("/api/erasures", json={"file": sha256}), 404, "artifact.unknown")
    refused(asking("eve/viewer").post("/api/erasures", json={"file": sha256}), 403, "access.forbidden")
    refused(ann.post("/api/erasures", json={"owner": "bob"}), 403, "access.forbidden")
    refused(ann.post("/api/erasures", json={"job": jobs["bob"]}), 404, "job.unknown")

    foreseen = ann.post("/api/erasures", json={"file": sha256, "dryRun": True}).json()
    assert foreseen["jobs"] == [jobs["ann"]] and foreseen["files"] == 0 and live.deployment.objects.has(sha256)
    report = ann.post("/api/erasures", json={"file": sha256[:20]}).json()
    assert not report["whole"] and report["jobs"] == [jobs["ann"]] and "bob" not in str(report)
    assert (counts(report)["jobs"], counts(report)["uploads"]) == (1, 1)
    assert any("administrator" in stays["why"] for stays in report["stays"])
    assert (
        live.deployment.objects.has(sha256)
        and bob.get(f"/api/artifacts/{sha256}", follow_redirects=False).status_code < 400
    )
    refused(ann.get(f"/api/artifacts/{sha256}"), 404, "artifact.unknown")

    report = api.post("/api/erasures", json={"file": sha256}).json()
    assert report["whole"] and report["jobs"] == [jobs["bob"]] and counts(report)["files"] == 1
    assert not live.deployment.objects.has(sha256) and live.deployment.store.get(jobs["bob"]) is None
    assert live.deployment.grants.any_upload(sha256) is None
    refused(api.post("/api/erasures", json={"file": sha256}), 404, "deletion.unknown")


def test_unfinished_jobs_block_an_erasure_unless_they_are_cancelled(
    api: Client, live: LiveDeployment, tmp_path: Path
) -> None:
    job = submit(api, {"a": probe("held", gate=str(tmp_path / "gate"))})
    assert refused(api.post("/api/erasures", json={"job": job}), 409, "job.not_final")["remedy"]
    report = api.post("/api/erasures", json={"job": job, "cancel": True}).json()
    assert report["jobs"] == [job] and live.deployment.store.get(job) is None and not live.deployment.bus.knows(job)


def test_a_user_sees_what_a_deletion_frees_and_can_remove_an_upload(
    api: Client, asking: Asking, live: LiveDeployment, tmp_path: Path
) -> None:
    job = submit(api, {"a": probe(secrets.token_hex(4), file_kib=3)})
    live.finish(job)
    preview = api.get(f"/api/jobs/{job}/deletion").json()
    assert preview == {"jobId": job, "freesBytes": 3072, "freesCount": 1, "sharedCount": 0}
    refused(asking("eve/runner").get(f"/api/jobs/{job}/deletion"), 404, "job.unknown")
    (tmp_path / "own.png").write_bytes(picture(size=(77, 41)))  # no other test uses it
    ref = store_file(live.deployment, tmp_path / "own.png", "image", owner="ann")[0]
    ann = asking("ann/runner")
    assert ann.delete(f"/api/uploads/{ref.sha256}").json()["dropped"]
    refused(ann.delete(f"/api/uploads/{ref.sha256}"), 404, "artifact.unknown")
    refused(ann.post("/api/collections", json={}), 403, "access.forbidden")
    report = api.post("/api/collections", json={"dryRun": True, "olderThan": "1w"}).json()
    assert report["dryRun"] and report["rule"]["olderThan"] == "1w" and counts(report)["images"] >= 1
    refused(api.post("/api/collections", json={"olderThan": "soon"}), 422, "request.invalid")
    stored = api.get("/api/storage").json()
    kinds = {item["kind"]: item for item in stored["kinds"]}
    assert kinds["files"]["bytes"] >= 3072 and kinds["jobs"]["count"] >= 1 and stored["collectableBytes"] > 0
