"""Trained LoRAs: found by name, used with the consent to their portraits, and erased with them."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from schemas.consent import Consent
from schemas.errors import WorkbenchError
from schemas.job import JobRecord
from schemas.refs import FileRef, Ref, refs_in
from schemas.retention import ErasureRequest
from tests.app.uploads.media import archive
from tests.engine.graphs import document
from tests.live import LiveDeployment
from tests.portrait_sets import encoded
from workbench.client.consent_records import withdraw
from workbench.client.deletion import delete, parts_of
from workbench.client.deployment import Deployment
from workbench.client.loras import trained_loras
from workbench.client.submit import job_request, requested_graph, submit, submit_graph
from workbench.client.uploads import store_file
from workbench.engine.accept import Request
from workbench.retention.erasing import erase

pytestmark = pytest.mark.stack
ADA = Consent(given=True, name="Ada Lovelace")


@pytest.fixture
def owner() -> str:
    return f"wanda-{secrets.token_hex(3)}"


def portraits(deployment: Deployment, folder: Path, owner: str) -> Ref:
    """A zip that was not uploaded before."""
    path = folder / f"{secrets.token_hex(3)}.zip"
    picture = Image.frombytes("RGB", (8, 8), secrets.token_bytes(192))
    path.write_bytes(archive(**{"a.png": encoded(picture), "a.txt": b"a portrait"}))
    return store_file(deployment, path, "portraits", owner=owner)[0]


def graph(ref: Ref, **params: str) -> dict[str, Any]:
    """A probe in place of the training: the same inputs, parameters and outputs, in milliseconds."""
    images = ref.model_dump(mode="json", exclude_none=True)
    return document({"train": {"service": "probe.trainer", "params": params, "input": {"images": images}}})


def train(
    live: LiveDeployment, deployment: Deployment, name: str, images: Ref, owner: str, trigger: str = "sks"
) -> JobRecord:
    """A completed job of the pipeline train_lora, as far as anything later can see."""
    asked = {"pipeline": "train_lora", "options": {"name": name, "images": images.sha256}, "params": {}}
    made = {**graph(images, trigger=trigger, model="sd-1.5"), "metadata": {"asked": asked}}
    return live.finish(submit_graph(deployment, Request(made, pipeline="train_lora", owner=owner), ADA).job)


def lora_of(record: JobRecord) -> FileRef:
    output = record.node("train").output
    assert output is not None
    return FileRef.model_validate(output["lora"])


def named(deployment: Deployment, value: object, owner: str) -> Ref:
    """The reference in the graph of a pipeline that was given this LoRA."""
    asked = job_request(pipeline="svd_wav2lip", options={"lora": value, "scene": "sks", "script": "Hello."})
    made = requested_graph(deployment, asked, owner)[0]
    [ref] = [ref for ref in refs_in(made.node("portrait").input) if ref.kind == "file"]
    assert made.metadata["asked"]["options"]["lora"] == ref.sha256, "so that a repeat uses the same file"
    return ref


def test_a_name_belongs_to_the_newest_completed_training_that_a_person_may_read(
    live: LiveDeployment, owner: str, tmp_path: Path
) -> None:
    deployment, mine = live.deployment, portraits(live.deployment, tmp_path, owner)
    first = train(live, deployment, "ada", mine, owner)
    assert (named(deployment, "ada", owner).sha256, named(deployment, "ada", owner).name) == (
        lora_of(first).sha256,
        "ada.safetensors",
    )
    second = train(live, deployment, "ada", mine, owner, trigger="adl")
    assert named(deployment, "ada", owner).sha256 == lora_of(second).sha256 != lora_of(first).sha256
    assert named(deployment, lora_of(first).sha256, owner).sha256 == lora_of(first).sha256, "a digest"
    train(live, deployment, "grace", mine, owner)
    others = train(live, deployment, "ada", portraits(deployment, tmp_path, "will"), "will")
    listed = trained_loras(deployment, owner)
    assert [(one.name, one.trigger, one.job_id) for one in listed][1:] == [("ada", "adl", second.id)]
    assert (listed[1].base_model, listed[1].consent, listed[1].licence) == (
        "sd-1.5",
        "Ada Lovelace",
        "CreativeML Open RAIL-M",
    )
    assert [one.job_id for one in trained_loras(deployment, owner, job=first.id)] == [first.id]
    assert next(one.job_id for one in trained_loras(deployment, None) if one.name == "ada") == others.id
    with pytest.raises(WorkbenchError) as unknown:
        named(deployment, "grcae", owner)
    assert (unknown.value.code, unknown.value.where, unknown.value.allowed) == ("lora.unknown", "lora", ["grace"])
    delete(deployment, second.id)
    assert named(deployment, "ada", owner).sha256 == lora_of(first).sha256, "the name follows the jobs"


@pytest.mark.parametrize("name", ["Ada", "a.b", "../ada", "a b", "x" * 65])
def test_a_name_has_only_plain_characters(live: LiveDeployment, name: str) -> None:
    for pipeline, options in (("svd_wav2lip", {"lora": name}), ("train_lora", {"name": name, "images": "0" * 64})):
        with pytest.raises(WorkbenchError) as refused:
            requested_graph(live.deployment, job_request(pipeline=pipeline, options=options), None)
        assert refused.value.code == "request.invalid" and f"options.{next(iter(options))}" in str(refused.value.where)


def test_only_a_file_of_the_right_kind_is_taken(live: LiveDeployment, owner: str, tmp_path: Path) -> None:
    images = portraits(live.deployment, tmp_path, owner)
    with pytest.raises(WorkbenchError, match="lora takes lora, but this file is portraits"):
        named(live.deployment, images.sha256, owner)
    made = lora_of(train(live, live.deployment, "ada", images, owner))
    asked = job_request(pipeline="train_lora", options={"name": "ada", "images": made.sha256})
    with pytest.raises(WorkbenchError, match="images takes portraits, but this file is lora"):
        requested_graph(live.deployment, asked, owner)


def test_a_zip_of_portraits_needs_a_consent_like_a_portrait(strict: Deployment, owner: str, tmp_path: Path) -> None:
    images = portraits(strict, tmp_path, owner)
    for ref in (images, images.model_copy(update={"media_type": "application/octet-stream"})):  # as a client claims
        with pytest.raises(WorkbenchError) as missing:
            submit(strict, job_request(graph=graph(ref)), owner=owner, reader=owner)
        assert missing.value.code == "consent.missing" and str(images.name) in missing.value.message
    path = tmp_path / "plain.zip"
    path.write_bytes(archive(**{"b.png": encoded(Image.frombytes("RGB", (8, 8), secrets.token_bytes(192)))}))
    plain = store_file(strict, path, "file", owner=owner)[0]
    with pytest.raises(WorkbenchError, match="no consent is recorded"):
        submit(strict, job_request(graph=graph(plain)), owner=owner, reader=owner)


def test_a_trained_lora_carries_the_consent_to_its_portraits(
    live: LiveDeployment, strict: Deployment, owner: str, tmp_path: Path
) -> None:
    images = portraits(strict, tmp_path, owner)
    lora = lora_of(train(live, strict, "ada", images, owner))

    def use(by: str, reader: str | None) -> JobRecord:
        job = submit(strict, job_request(graph=graph(lora)), owner=by, reader=reader).job
        return live.finish(job)

    assert use(owner, owner).graph.metadata["consent"]["by"] == "Ada Lovelace"
    assert use("vera", None).graph.metadata["consent"]["by"] == "Ada Lovelace", "as its trainer recorded it"
    assert not trained_loras(strict, owner)[0].withdrawn
    withdraw(strict, "Ada Lovelace", sha256=images.sha256)
    assert trained_loras(strict, owner)[0].withdrawn
    for by, reader in ((owner, owner), ("vera", None)):
        with pytest.raises(WorkbenchError, match=r"Ada Lovelace withdrew the consent") as refused:
            submit(strict, job_request(graph=graph(lora)), owner=by, reader=reader)
        assert refused.value.code == "consent.withdrawn" and str(images.name) in refused.value.message


def test_an_erasure_of_the_portraits_reaches_what_their_lora_made(
    live: LiveDeployment, owner: str, tmp_path: Path
) -> None:
    deployment = live.deployment
    images = portraits(deployment, tmp_path, owner)
    training = train(live, deployment, "ada", images, owner)
    lora = lora_of(training)
    use = live.finish(submit(deployment, job_request(graph=graph(lora), consent=ADA), owner=owner, reader=owner).job)
    report = erase(parts_of(deployment), ErasureRequest(file=images.sha256))
    assert set(report.jobs) == {training.id, use.id}
    assert deployment.store.get(training.id) is None and deployment.store.get(use.id) is None
    assert [deployment.objects.has(one.sha256) for one in (images, lora, lora_of(use))] == [False] * 3
    assert trained_loras(deployment, owner) == []
