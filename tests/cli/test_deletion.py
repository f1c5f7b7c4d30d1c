"""`workbench erase` and `gc` on a whole stack: what is erased is in none of its files afterwards."""

from __future__ import annotations

import secrets
from pathlib import Path

import pytest
from PIL import Image

from schemas.job import JobRecord
from schemas.refs import ImageRef, Ref
from schemas.retention import CollectionRequest
from tests.cli.graphs import document, script
from tests.cli.program import Program
from tests.cli.tracking import Run
from tests.live import wait_for
from tests.stack.raw_search import digest_needles, raw_traces
from workbench.client.completion import await_record
from workbench.client.deletion import parts_of
from workbench.client.delivery.deliver import deliver
from workbench.client.deployment import Deployment
from workbench.client.submit import submit_graph
from workbench.client.uploads import store_file
from workbench.embedded.stack import ensure_running
from workbench.engine.accept import Request
from workbench.retention import collecting
from workbench.store.tracking_queue import TrackingQueue, TrackingState

pytestmark = [pytest.mark.stack, pytest.mark.models, pytest.mark.slow]


@pytest.fixture
def client(program: Program) -> Deployment:
    """The same deployment in this process: a command takes seconds to start."""
    where = {"app_url": program.environment["WORKBENCH_APP_URL"]}
    return Deployment(ensure_running(program.home).model_copy(update=where))


def enlarged(client: Deployment, image: Ref, said: str = "") -> JobRecord:
    """Run a job that enlarges an image and optionally speaks a text."""
    up = {"id": "up", "service": "generate.upscale_image", "input": {"image": image.model_dump(mode="json")}}
    nodes = [up, script(text=said)] if said else [up]
    job = submit_graph(client, Request(document(*nodes), experiment="erased")).job
    return wait_for(lambda: found if (found := await_record(client, job)).status.final else None, 120, job)


def picture_of(record: JobRecord) -> ImageRef:
    output = record.node("up").output
    assert output is not None, record.error
    return ImageRef.model_validate(output["image"])


def tracked(client: Deployment, job: str) -> Run:
    """The job's run, when MLflow has all of it."""
    queue = TrackingQueue(client.store.database)
    wait_for(lambda: queue.state(job) is TrackingState.DONE, 180, "MLflow has the run")
    return Run(client.mlflow_run(job) or "")


def test_an_erased_portrait_and_all_that_came_of_it_are_in_no_file_of_the_home(
    program: Program, client: Deployment, tmp_path: Path
) -> None:
    said = f"The code word of this morning is {secrets.token_hex(6)}."
    portrait = tmp_path / "portrait.png"
    Image.frombytes("RGB", (24, 24), secrets.token_bytes(3 * 24 * 24)).save(portrait)
    given = store_file(client, portrait, "image", owner="local")[0]
    first = enlarged(client, given, said)
    second = enlarged(client, picture_of(first))
    jobs, runs = [first.id, second.id], [tracked(client, job.id) for job in (first, second)]
    digests = [given.sha256, picture_of(first).sha256, picture_of(second).sha256]
    needles = [said.encode(), *(needle for digest in digests for needle in digest_needles(digest))]
    signed = deliver(client, picture_of(second), record=second)
    needles += digest_needles(signed.sha256)
    before = {trace.file.split("/")[0] for trace in raw_traces(program.home, needles)}
    assert before >= {"bus", "objects", "sql", "mlflow", "cache"}

    # What other tests left unnamed would be counted too, objects that SQL never heard of among it.
    collecting.collect(parts_of(client), CollectionRequest(), stray_s=0.0, verify_s=0.0)
    refused = program.try_("erase", str(portrait), "--json")
    assert (refused.code, refused.error["code"]) == (2, "deletion.unconfirmed")
    report = program.json("erase", str(portrait), "--yes")
    assert report["jobs"] == jobs and report["files"] == 3 and report["whole"] and report["stays"] == [], report
    assert {done["part"] for done in report["compacted"]} == {"bus", "objects", "sql", "mlflow", "logs"}
    assert raw_traces(program.home, needles) == []
    assert all(run.gone for run in runs)

    store_file(client, portrait, "image")
    anew = enlarged(client, given)
    assert not anew.node("up").cached and picture_of(anew).sha256 == digests[1], "the same, computed anew"


def test_a_collection_frees_what_its_preview_announces(program: Program, client: Deployment, tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text(secrets.token_hex(5_000))
    ref = store_file(client, path, "text", owner="local")[0]
    before = collecting.collect(parts_of(client), CollectionRequest(dry_run=True))
    assert ref.sha256[:12] in program.run("upload", "--remove", ref.sha256[:16])
    foreseen = collecting.collect(parts_of(client), CollectionRequest(dry_run=True))
    assert foreseen.bytes - before.bytes >= 10_000 and client.objects.has(ref.sha256)
    report = program.json("gc")
    assert report["bytes"] == foreseen.bytes and not client.objects.has(ref.sha256)
    assert program.try_("gc", "--older-than", "soon", "--json").error["details"]["where"] == "--older-than"
