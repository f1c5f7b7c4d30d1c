"""The rule of consent: which files need one, what counts as one, and how long it holds, for every front end."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from nodes._samples import sample_portrait
from schemas.consent import Consent, ConsentSource
from schemas.errors import WorkbenchError
from schemas.job import JobRecord
from schemas.refs import Ref
from tests.engine.graphs import document
from tests.live import LiveDeployment, wait_for
from workbench.client.consent_records import give_for_home, withdraw
from workbench.client.deployment import Deployment
from workbench.client.forecast import forecast_request
from workbench.client.rerun import rerun, retry
from workbench.client.submit import job_request, submit
from workbench.client.uploads import store_file
from workbench.store.listing import JobFilter

pytestmark = pytest.mark.stack
ADA = Consent(given=True, name="Ada Lovelace")


def picture(tmp_path: Path) -> Path:
    path = tmp_path / f"{secrets.token_hex(4)}.png"
    Image.frombytes("RGB", (8, 8), secrets.token_bytes(192)).save(path)
    return path


def upload(deployment: Deployment, path: Path, owner: str = "wanda") -> Ref:
    return store_file(deployment, path, "image", owner=owner)[0]


def graph(ref: Ref) -> dict[str, Any]:
    image = ref.model_dump(mode="json", exclude_none=True)
    return document({"a": {"service": "generate.upscale_image", "input": {"image": image}}})


def send(deployment: Deployment, ref: Ref, owner: str = "wanda", consent: Consent | None = None) -> JobRecord:
    asked = job_request(graph=graph(ref), consent=consent)
    job = submit(deployment, asked, owner=owner, reader=None if owner == "local" else owner).job
    deployment.cancel(job)
    return deployment.job(job)


def refusal(deployment: Deployment, ref: Ref, **how: Any) -> WorkbenchError:
    before = deployment.store.list(JobFilter(limit=1)).total
    with pytest.raises(WorkbenchError) as caught:
        send(deployment, ref, **how)
    assert deployment.store.list(JobFilter(limit=1)).total == before, "nothing was queued"
    return caught.value


def noted(record: JobRecord) -> tuple[Any, Any]:
    consent = record.graph.metadata["consent"]
    assert consent["given"] is True and consent["at"] > 0 and "has agreed" in consent["text"]
    return consent["by"], consent["source"]


def test_a_file_needs_a_consent_of_its_owner_once(strict: Deployment, tmp_path: Path) -> None:
    path = picture(tmp_path)
    ref = upload(strict, path)
    error = refusal(strict, ref)
    assert (error.code, error.where) == ("consent.missing", "node a")
    assert path.name in error.message and ref.sha256[:12] in error.message
    assert 'consent="YOUR NAME"' in error.remedy and "consent give" not in error.remedy, "wanda logs in"
    assert strict.grants.upload("wanda", ref.sha256) is not None, "the upload is not lost"
    denied = refusal(strict, ref, consent=Consent(given=False))
    assert (denied.code, denied.where) == ("consent.missing", "consent.given")
    assert noted(send(strict, ref, consent=ADA)) == ("Ada Lovelace", "file")
    assert noted(send(strict, ref)) == ("Ada Lovelace", "file")
    [record] = strict.consents.listed("wanda")
    assert (record.sha256, record.name, record.file) == (ref.sha256, "Ada Lovelace", path.name)
    upload(strict, path, "will")
    assert refusal(strict, ref, owner="will").code == "consent.missing", "each user answers for their own use"


def test_only_the_packaged_sample_is_exempt_whatever_its_name(strict: Deployment, tmp_path: Path) -> None:
    sample = sample_portrait(tmp_path).rename(tmp_path / "me.png")
    assert "consent" not in send(strict, upload(strict, sample)).graph.metadata
    other = picture(tmp_path).rename(tmp_path / "sample-portrait.png")
    assert refusal(strict, upload(strict, other)).code == "consent.missing"


def test_a_result_of_a_job_needs_none_unless_somebody_uploads_it(
    strict: Deployment, live: LiveDeployment, tmp_path: Path
) -> None:
    ref = upload(strict, picture(tmp_path))
    asked = job_request(graph=graph(ref), consent=ADA)
    output = live.finish(submit(strict, asked, owner="wanda", reader="wanda").job).node("a").output
    assert output is not None
    made = type(ref).model_validate(output["image"])
    assert "consent" not in send(strict, made).graph.metadata
    assert refusal(strict, upload(strict, strict.open(made))).code == "consent.missing"
    strict.grants.add_upload("wanda", made, {"ref": made.model_dump(mode="json")})  # the very bytes
    assert refusal(strict, made).code == "consent.missing"


def test_a_home_gives_it_once_where_nobody_logs_in(strict: Deployment, tmp_path: Path) -> None:
    mine, anns = upload(strict, picture(tmp_path), "local"), upload(strict, picture(tmp_path))
    assert 'workbench consent give --name "YOUR NAME"' in refusal(strict, mine, owner="local").remedy
    give_for_home(strict, " Ada Lovelace ")
    assert noted(send(strict, mine, "local")) == ("Ada Lovelace", "home")
    recorded = [one for one in strict.consents.listed("local") if one.name == "Ada Lovelace"]
    assert [(one.sha256, one.source) for one in recorded] == [(mine.sha256, "home"), ("", "home")]
    assert refusal(strict, anns).code == "consent.missing", "a user who logs in answers for each file"
    with pytest.raises(WorkbenchError, match="name"):
        give_for_home(strict, " ")


def test_the_setting_counts_for_everybody_and_is_recorded_as_such(strict: Deployment, tmp_path: Path) -> None:
    stated = Deployment(strict.settings.model_copy(update={"consent": "The lab"}))
    ref = upload(strict, picture(tmp_path))
    assert noted(send(stated, ref)) == ("The lab", "setting")
    [record] = strict.consents.listed("wanda")
    assert (record.sha256, record.name, record.source) == (ref.sha256, "The lab", ConsentSource.SETTING)


def test_a_withdrawal_ends_every_earlier_consent_to_the_file(strict: Deployment, tmp_path: Path) -> None:
    stated = Deployment(strict.settings.model_copy(update={"consent": "The lab"}))
    ref, other = upload(strict, picture(tmp_path)), upload(strict, picture(tmp_path))
    send(strict, ref, consent=Consent(given=True, name="Bob"))
    send(strict, ref, consent=ADA)
    answer = withdraw(strict, "Ada Lovelace")
    assert (answer.withdrawn, answer.files) == (1, [ref.sha256])
    assert '"consent": "Ada Lovelace"' in answer.remedy
    error = refusal(stated, ref)
    assert error.code == "consent.withdrawn" and "Ada Lovelace withdrew" in error.message
    assert f"workbench erase {ref.sha256[:12]}" in error.remedy
    assert noted(send(stated, other)) == ("The lab", "setting"), "other files are not affected"
    assert noted(send(strict, ref, consent=ADA)) == ("Ada Lovelace", "file"), "the person may agree again"
    assert noted(send(strict, ref)) == ("Ada Lovelace", "file")
    with pytest.raises(WorkbenchError) as caught:
        withdraw(strict, "Nobody")
    assert caught.value.code == "consent.unknown"


def test_repetitions_of_a_job_rely_on_its_consent(strict: Deployment, tmp_path: Path) -> None:
    reviewed = graph(upload(strict, picture(tmp_path)))  # waits for an approval, so that no worker completes it
    review = document({"review": {"service": "review.script", "input": {"narration": "Good morning."}}})
    asked = job_request(graph={**reviewed, "nodes": [*reviewed["nodes"], *review["nodes"]]}, consent=ADA)
    first = strict.job(submit(strict, asked, owner="wanda", reader="wanda").job)
    strict.cancel(first.id)
    wait_for(lambda: strict.job(first.id).status.final)
    for again in (
        rerun(strict, first.id, reader="wanda"),
        retry(strict, first.id),
        rerun(strict, first.id, owner="admin"),
    ):
        strict.cancel(again.job)
        assert noted(strict.job(again.job)) == ("Ada Lovelace", "file")
    withdraw(strict, "Ada Lovelace")
    for repeat in (rerun, retry):
        with pytest.raises(WorkbenchError) as caught:
            repeat(strict, first.id)
        assert caught.value.code == "consent.withdrawn"


def test_a_file_is_not_uploaded_without_consent_and_an_estimate_needs_none(strict: Deployment, tmp_path: Path) -> None:
    path = tmp_path / "me.png"
    with Image.open(sample_portrait(tmp_path)) as portrait:
        portrait.point(lambda value: value * 9 // 10).save(path)
    asked = job_request(pipeline="talking_head", options={"portrait": path, "script": "Good morning."})
    with pytest.raises(WorkbenchError) as caught:
        submit(strict, asked)
    assert (caught.value.code, caught.value.where) == ("consent.missing", "portrait")
    sha256 = store_file(strict, path, "image", owner="wanda")[0].sha256
    assert not strict.grants.upload("local", sha256)
    options = {"portrait": sha256, "script": "Good morning."}
    assert forecast_request(strict, job_request(pipeline="talking_head", options=options), reader="wanda").basis >= 0
    with pytest.raises(WorkbenchError) as caught:
        submit(strict, job_request(pipeline="talking_head", options=options), owner="wanda", reader="wanda")
    assert caught.value.where == "portrait"
    job = submit(strict, asked.model_copy(update={"consent": ADA})).job
    strict.cancel(job)
    again = submit(strict, asked).job  # recorded for the file, which is found by its content
    strict.cancel(again)
    assert noted(strict.job(again)) == ("Ada Lovelace", "file")
