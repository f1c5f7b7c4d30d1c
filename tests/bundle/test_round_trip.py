"""A bundle holds a run with everything that made it, and another home shows it or runs it again."""

from __future__ import annotations

import hashlib
import secrets
import zipfile
from pathlib import Path

import pytest
from PIL import Image

from schemas.bundle import BundleManifest
from schemas.consent import Consent
from schemas.delivery import SignatureState
from schemas.errors import WorkbenchError
from schemas.job import JobRecord
from schemas.refs import refs_in
from schemas.status import JobStatus
from tests.live import LiveDeployment
from workbench.client.access import Role, User, readable, visible
from workbench.client.bundles.export import export
from workbench.client.bundles.importing import import_bundle, note_of, show
from workbench.client.delivery.issuer import certificates
from workbench.client.deployment import Deployment
from workbench.client.rerun import rerun, retry
from workbench.client.uploads import store_file

ANNA, BEN = User("anna", Role.RUNNER), User("ben", Role.RUNNER)


def test_a_bundle_is_a_crate_with_the_stored_bytes_and_is_the_same_each_time(
    live: LiveDeployment, made: JobRecord, bundle: Path, tmp_path: Path
) -> None:
    from rocrate.rocrate import ROCrate

    again = tmp_path / "again.zip"
    export(live.deployment, made.id, again)
    assert again.read_bytes() == bundle.read_bytes()
    assert not list(tmp_path.glob(".*.part"))
    with zipfile.ZipFile(bundle) as opened:
        manifest = BundleManifest.model_validate_json(opened.read("manifest.json"))
        for one in manifest.files:
            assert hashlib.sha256(opened.read(one.path)).hexdigest() == one.sha256
        opened.extractall(tmp_path / "crate")
        document = opened.read(f"jobs/{made.id}/job.json").decode()
    assert str(live.home) not in document and '"owner": ""' in document
    assert {one.sha256 for one in manifest.artifacts} == {ref.sha256 for ref in refs_in(made.node("make").output)}
    crate = ROCrate(tmp_path / "crate")
    actions = [one for one in crate.get_entities() if one.type == "CreateAction"]
    assert sorted(one["name"] for one in actions) == [f"{made.id}: make", f"{made.id}: read"]
    [file] = [one for one in crate.get_entities() if one.get("sha256")]
    assert file.id == manifest.artifacts[0].path and made.id in crate.name


def test_an_import_shows_the_run_read_only_to_its_importer_alone(
    live: LiveDeployment, abroad: Deployment, made: JobRecord, bundle: Path
) -> None:
    found = import_bundle(abroad, bundle, user=ANNA)
    [run] = found.runs
    assert (run.was, run.created, found.bundle.signature) == (made.id, True, SignatureState.OTHER_ISSUER)
    record = live.deployment.job(run.job)
    assert (record.status, record.owner, record.mlflow_run_id) == (JobStatus.COMPLETED, "anna", None)
    assert [node.output for node in record.nodes] == [node.output for node in made.nodes]
    assert [node.content_key for node in record.nodes] == [node.content_key for node in made.nodes]
    note = note_of(record.graph)
    assert note is not None and note.job == made.id and note.environment["workbench"]
    [ref] = refs_in(made.node("make").output)
    assert readable(live.deployment, ANNA, ref.sha256).sha256 == ref.sha256
    for forbidden in (lambda: visible(BEN, record), lambda: readable(live.deployment, BEN, ref.sha256)):
        with pytest.raises(WorkbenchError):
            forbidden()
    [same] = import_bundle(abroad, bundle, user=ANNA).runs
    assert (same.job, same.created) == (run.job, False)
    with pytest.raises(WorkbenchError) as caught:
        retry(live.deployment, run.job)
    assert caught.value.code == "bundle.read_only"


def test_an_imported_run_is_run_again(live: LiveDeployment, made: JobRecord, bundle: Path) -> None:
    [run] = import_bundle(live.deployment, bundle, user=ANNA).runs
    again = live.finish(rerun(live.deployment, run.job, fresh=True).job)
    assert again.status is JobStatus.COMPLETED and again.parent == run.job and note_of(again.graph) is None
    assert [node.output for node in again.nodes] == [node.output for node in made.nodes]
    assert not any(node.cached for node in again.nodes)


def test_an_artifact_that_a_bundle_only_names_stays_closed(
    live: LiveDeployment, made: JobRecord, tmp_path: Path, abroad: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    from workbench.client.bundles import contents

    monkeypatch.setattr(contents, "is_media", lambda ref: True)  # the probes make no media
    target = tmp_path / "named.zip"
    manifest = export(live.deployment, made.id, target, without_media=True)
    assert [one.path for one in manifest.artifacts] == [None]
    [run] = import_bundle(abroad, target, user=BEN).runs
    with pytest.raises(WorkbenchError) as caught:
        readable(live.deployment, BEN, manifest.artifacts[0].sha256)
    assert caught.value.code == "artifact.unknown"
    assert live.deployment.job(run.job).node("make").output == made.node("make").output


def test_a_home_that_trusts_the_issuer_says_so(live: LiveDeployment, abroad: Deployment, bundle: Path) -> None:
    assert show(bundle, live.settings).signature is SignatureState.TRUSTED
    assert show(bundle, abroad.settings).signature is SignatureState.OTHER_ISSUER
    assert show(bundle, abroad.settings, issuers=certificates(live.settings)).signature is SignatureState.TRUSTED


def test_what_cannot_be_exported_is_refused_and_leaves_no_file(live: LiveDeployment, tmp_path: Path) -> None:
    running = live.submit({"wait": {"service": "probe.data", "params": {"sleep_s": 60}}}).job
    for name, code in (("nothing", "bundle.not_found"), (running, "bundle.incomplete")):
        with pytest.raises(WorkbenchError) as caught:
            export(live.deployment, name, tmp_path / "no.zip")
        assert caught.value.code == code
    with pytest.raises(WorkbenchError) as caught:
        export(live.deployment, running, tmp_path / "no.zip", user=ANNA)
    assert caught.value.code == "bundle.not_found"
    assert not list(tmp_path.iterdir())


def test_portraits_inside_ask_for_the_consent_that_a_job_asks_for(
    strict: Deployment, live: LiveDeployment, tmp_path: Path
) -> None:
    portrait = tmp_path / "portrait.png"
    Image.frombytes("RGB", (8, 8), secrets.token_bytes(192)).save(portrait)
    ref = store_file(strict, portrait, "image", owner="local")[0]
    image = ref.model_dump(mode="json", exclude_none=True)
    asked = {"see": {"service": "generate.upscale_image", "input": {"image": image}}}
    made = live.run(asked)
    target = tmp_path / "portrait.zip"
    export(strict, made.id, target)
    assert show(target, strict.settings).needs_consent
    with pytest.raises(WorkbenchError) as caught:
        import_bundle(strict, target, user=ANNA)
    assert caught.value.code == "consent.missing"
    [run] = import_bundle(strict, target, user=ANNA, consent=Consent(given=True, name="Anna A.")).runs
    assert run.created and [one.name for one in strict.consents.listed() if one.owner == "anna"] == ["Anna A."]
    export(strict, made.id, target, without_media=True)
    assert not show(target, strict.settings).needs_consent
    assert import_bundle(strict, target, user=BEN).runs[0].created
