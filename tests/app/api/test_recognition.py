"""A video that comes back leads to its run; an artifact tells what made it and what came of it."""

from __future__ import annotations

import io
import secrets
import zipfile
from pathlib import Path
from typing import Any

import pytest

from schemas.errors import WorkbenchError
from schemas.job import JobRecord
from schemas.recognition import Sureness, Way
from schemas.refs import Ref
from schemas.status import JobStatus
from tests.app.api.conftest import Client
from tests.live import LiveDeployment
from tests.store.media import write_clip, write_tone
from workbench.cli.find import found_text, lineage_text
from workbench.client.access import LOCAL, Role, User
from workbench.client.artifact_lineage import artifact_lineage
from workbench.client.delivery.deliver import save
from workbench.client.recognition import recognise
from workbench.client.uploads import store_file
from workbench.client.view import final_video
from workbench.notebook.workbench import Workbench

pytestmark = pytest.mark.stack
ANNA = User("anna", Role.RUNNER)


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return {}


@pytest.fixture
def muxed(live: LiveDeployment, tmp_path: Path, pair: dict[str, Any]) -> tuple[JobRecord, Ref, dict[str, Ref]]:
    """A finished run that made a video twice in a row, the second from the first; its last video; what was given."""
    if not pair:
        hue = secrets.randbelow(150)
        clip, tone = write_clip(tmp_path / "clip.mp4", 0.4, hue=hue), write_tone(tmp_path / "tone.wav", 0.4)
        given = {
            name: store_file(live.deployment, path, name, owner="local")[0]
            for name, path in (("video", clip), ("audio", tone))
        }
        audio = given["audio"].model_dump(mode="json")
        first = {
            "service": "generate.remux",
            "input": {"video": given["video"].model_dump(mode="json"), "audio": audio},
        }
        second = {
            "service": "generate.remux",
            "params": {"title": "Second"},  # else its bytes would be those of the first
            "input": {"video": "$first.video", "audio": audio},
        }
        pair["record"] = live.run({"first": first, "second": second}, [("first", "second")])
        pair["given"] = given
    record: JobRecord = pair["record"]
    assert record.status is JobStatus.COMPLETED, record.error
    ref = final_video(record)
    assert ref is not None
    return record, ref, pair["given"]


def encoded_again(source: Path, target: Path, *, keep: bool = True) -> Path:
    """The video encoded anew, with or without its metadata."""
    import av

    with av.open(str(source)) as before, av.open(str(target), "w") as after:
        if keep:
            after.metadata.update(before.metadata)
        stream = after.add_stream("libx264", rate=25, options={"crf": "35"})
        stream.width = stream.height = 96
        stream.pix_fmt = "yuv420p"
        for frame in before.decode(video=0):
            for packet in stream.encode(frame.reformat(96, 96)):
                after.mux(packet)
        for packet in stream.encode():
            after.mux(packet)
    return target


def test_a_file_is_recognised_by_the_surest_way_that_is_left(
    live: LiveDeployment, muxed: tuple[JobRecord, Ref, dict[str, Ref]], tmp_path: Path
) -> None:
    record, ref, given = muxed
    stored = tmp_path / "renamed.bin"
    stored.write_bytes(live.deployment.open(ref).read_bytes())
    delivered = save(live.deployment, ref, tmp_path / "IMG_0001.mov", record=record).path
    again, bare = (
        encoded_again(delivered, tmp_path / "chat.mp4"),
        encoded_again(delivered, tmp_path / "b.mp4", keep=False),
    )
    ways = {
        stored: (Way.STORED, Sureness.EXACT, "second"),
        delivered: (Way.DELIVERED, Sureness.EXACT, "second"),
        again: (Way.RECORD, Sureness.CLAIMED, None),
    }
    for file, expected in ways.items():
        found = recognise(live.deployment, LOCAL, file)
        assert (found.way, found.sure, found.runs[0].node) == expected
        assert found.runs[0].job == record.id and found.graph == record.graph_hash
        assert {one.sha256 for one in found.inputs} == {one.sha256 for one in given.values()}
        assert found.artifact == (None if found.way is Way.RECORD else ref.sha256)
        assert record.id in found_text(found) and expected[1].value in found_text(found)
    assert recognise(live.deployment, LOCAL, ref.sha256.upper()).way is Way.STORED
    nothing = recognise(live.deployment, LOCAL, bare)
    assert (nothing.way, nothing.sure, nothing.runs) == (Way.UNKNOWN, Sureness.NONE, [])
    for file in (*ways, bare):
        assert recognise(live.deployment, ANNA, file).way is Way.UNKNOWN, "the run is not hers"
    with pytest.raises(WorkbenchError) as caught:
        recognise(live.deployment, LOCAL, "neither")
    assert caught.value.code == "node.bad_input"


def test_a_given_file_leads_to_the_runs_that_used_it(
    live: LiveDeployment, muxed: tuple[JobRecord, Ref, dict[str, Ref]]
) -> None:
    record, _, given = muxed
    found = recognise(live.deployment, LOCAL, given["audio"].sha256)
    assert (found.way, found.runs[0].job, found.runs[0].role) == (Way.STORED, record.id, "input")


def test_the_lineage_goes_back_to_what_was_given_and_on_to_what_was_made(
    live: LiveDeployment, muxed: tuple[JobRecord, Ref, dict[str, Ref]]
) -> None:
    record, ref, given = muxed
    back = artifact_lineage(live.deployment, LOCAL, ref.sha256)
    assert [step.node for step in back.steps] == ["second", "first"]
    assert back.steps[0].inputs["video"] == back.steps[1].outputs["video"]
    assert {one.sha256 for one in back.artifacts if one.given} == {one.sha256 for one in given.values()}
    on = artifact_lineage(live.deployment, LOCAL, given["video"].sha256)
    assert [step.node for step in on.steps] == ["first", "second"]
    assert on.steps[1].outputs["video"] == ref.sha256
    for shown in (lineage_text(back), lineage_text(on)):
        assert max(map(len, shown.splitlines())) <= 80 and record.id in shown
    assert "made by second" in lineage_text(back) and "(given)" in lineage_text(back)
    assert Workbench(live.settings).lineage(ref.sha256) == back
    with pytest.raises(WorkbenchError) as caught:
        artifact_lineage(live.deployment, ANNA, ref.sha256)
    assert caught.value.code == "artifact.unknown"


def test_the_api_answers_the_same(
    api: Client, live: LiveDeployment, muxed: tuple[JobRecord, Ref, dict[str, Ref]], tmp_path: Path
) -> None:
    record, ref, _ = muxed
    content = live.deployment.open(ref).read_bytes()
    answer = api.post("/api/recognise", files={"file": ("holiday.mp4", content)})
    assert answer.status_code == 200, answer.text
    assert (answer.json()["way"], answer.json()["runs"][0]["job"]) == ("stored", record.id)
    lineage = api.get(f"/api/artifacts/{ref.sha256}/lineage").json()
    assert [step["node"] for step in lineage["steps"]] == ["second", "first"]
    assert api.get(f"/api/artifacts/{'0' * 64}/lineage").status_code == 404
    small = api.get(f"/api/jobs/{record.id}/bundle", params={"media": False})
    whole = api.get(f"/api/jobs/{record.id}/bundle")
    assert small.headers["content-type"] == "application/zip" and len(small.content) < len(whole.content)
    with zipfile.ZipFile(io.BytesIO(whole.content)) as opened:
        assert opened.read(f"artifacts/{ref.sha256}") == content
    assert not [path for path in (live.home / "incoming").glob("*") if list(path.glob("bundle.zip"))]
    assert api.get("/api/jobs/nothing/bundle").status_code == 404
