"""The whole job from the command line: a playable video, a complete MLflow run, and cache hits for a repeat."""

from __future__ import annotations

import hashlib
import json
import tempfile
from contextlib import nullcontext
from pathlib import Path
from typing import Any
from unittest.mock import patch

import av
import pytest

from nodes._samples import sample_portrait
from schemas.event import EventType
from schemas.job import JobView
from schemas.status import JobStatus
from tests.cli.conftest import SCRIPT
from tests.cli.program import Program
from tests.cli.saved import artifact_in
from tests.cli.tracking import Run
from workbench.client.completion import await_record
from workbench.client.submit import submit_graph
from workbench.client.uploads import store_file
from workbench.client.view import artifacts
from workbench.engine.accept import Request
from workbench.pipelines.registry import find_pipeline
from workbench.pipelines.sdk import Settings
from workbench.pipelines.sdk.building import build

pytestmark = [pytest.mark.stack, pytest.mark.models, pytest.mark.slow]

NODES = ["script", "speech", "upscale", "animate", "remux", "evaluate"]
TIMES = ("seconds", "computeSeconds", "waitingSeconds", "firstFrameSeconds")
HEAD = ("run", "talking_head", "--portrait", "sample")


def executed(shown: dict[str, Any]) -> list[str]:
    """The ids of the nodes that ran for this job."""
    return [node["id"] for node in shown["nodes"] if not node["cached"]]


def test_the_output_has_the_documented_format(first: dict[str, Any]) -> None:
    assert list(first) == [
        "jobId",
        "status",
        "video",
        *TIMES,
        "mlflowRun",
        "trackingError",
        "nodes",
        "metrics",
        "series",
        "error",
    ]
    assert {tuple(node) for node in first["nodes"]} == {
        ("id", "service", "plane", "status", "seconds", "cached", "worker", "attempt")
    }
    assert JobView.model_validate(first).model_dump(mode="json") == first
    assert (first["status"], first["error"]) == ("completed", None)
    assert [node["id"] for node in first["nodes"]] == NODES
    assert executed(first) == NODES
    for node in first["nodes"]:
        assert (node["status"], node["attempt"]) == ("completed", 1)
        assert node["worker"].startswith("control-" if node["plane"] == "control" else "cpu-")
        assert 0 < node["seconds"] <= first["seconds"]
    assert {node["id"]: node["plane"] for node in first["nodes"]} == {
        **dict.fromkeys(NODES, "data"),
        "script": "control",
    }


def test_the_evaluation_finds_the_words_the_face_and_the_lips(first: dict[str, Any]) -> None:
    metrics = first["metrics"]
    assert metrics["evaluate.word_error_rate"] <= 0.2
    assert 0 < metrics["evaluate.identity_distance"] < 0.6  # dlib's own bound for the same person
    assert metrics["evaluate.face_frames"] > 0.9
    assert abs(metrics["evaluate.duration_s"] - metrics["evaluate.audio_s"]) <= 1 / 25


def test_the_video_plays_everywhere_and_names_its_origin(first: dict[str, Any]) -> None:
    path = Path(first["video"])
    with av.open(str(path)) as container:
        picture, sound = container.streams.video[0], container.streams.audio[0]
        assert (picture.codec_context.name, sound.codec_context.name) == ("h264", "aac")
        assert (picture.codec_context.width, picture.codec_context.height) == (512, 512)
        assert (picture.codec_context.pix_fmt, picture.average_rate) == ("yuv420p", 25)
        comment = json.loads(container.metadata["comment"])
        frames = [frame.to_ndarray(format="gray") for frame in container.decode(picture)]
    assert len(frames) == first["metrics"]["evaluate.frames"] > 25
    assert any((frames[0] != frame).any() for frame in frames[1:])  # it moves
    with av.open(str(path)) as container:
        assert sum(frame.samples for frame in container.decode(audio=0)) > 24_000
    data = path.read_bytes()
    assert data.index(b"moov") < data.index(b"mdat")  # plays before it is loaded to the end
    assert comment["notice"].startswith("synthetic media")
    assert (comment["workflow"], comment["seed"]) == ("talking_head", "0")
    assert "generate.portrait_animation 2" in comment["nodes"]


def test_the_video_states_its_origin_and_is_recognised(program: Program, first: dict[str, Any], tmp_path: Path) -> None:
    found = program.json("verify", first["video"])  # exit code 0
    assert (found["state"], found["known"]["job"]) == ("trusted", first["jobId"])
    assert found["sourceType"].endswith("/trainedAlgorithmicMedia")
    services = {used["service"] for used in found["statement"]["services"]}
    assert services >= {"generate.hibari_tts", "generate.portrait_animation"}
    assert [used["kind"] for used in found["statement"]["inputs"]] == ["image"]
    assert SCRIPT not in Path(first["video"]).read_bytes().decode(errors="replace")
    changed = tmp_path / "changed.mp4"
    changed.write_bytes(Path(first["video"]).read_bytes()[:-1] + b"?")
    altered = program.try_("verify", str(changed), "--json")
    assert (altered.code, altered.json["state"], altered.json["known"]) == (4, "altered", None)
    unsigned = program.try_("verify", __file__, "--json")
    assert (unsigned.code, unsigned.json["state"]) == (5, "unsigned")


def test_the_run_in_mlflow_has_everything_that_explains_the_video(first: dict[str, Any]) -> None:
    run = Run(first["mlflowRun"])
    assert (run.status, run.experiment) == ("FINISHED", "workbench")
    params = run.values("params")
    assert params["script.script"] == SCRIPT
    assert (params["animate.sway"], params["animate.size"], params["speech.speed"]) == ("1.0", "512", "1.0")
    assert params["upscale.image"].startswith("sha256:")
    metrics = run.values("metrics")
    for node in NODES:
        assert {f"{node}.seconds", f"{node}.cpu_seconds", f"{node}.peak_memory_mib"} <= set(metrics)
    assert {name: metrics[name] for name in first["metrics"]} == pytest.approx(first["metrics"])
    assert metrics["total_seconds"] == pytest.approx(first["seconds"], abs=0.01)
    assert metrics["compute_seconds"] == pytest.approx(first["computeSeconds"], abs=0.01)
    assert metrics["waiting_seconds"] == pytest.approx(first["waitingSeconds"], abs=0.01)
    assert metrics["first_frame_seconds"] == pytest.approx(first["firstFrameSeconds"], abs=0.01)
    assert 0 < metrics["first_frame_seconds"] < metrics["total_seconds"]
    tags = run.values("tags")
    assert tags["workbench.job"] == first["jobId"]
    assert tags["workbench.pipeline"] == "talking_head"
    assert tags["workbench.node.animate"].startswith("generate.portrait_animation 2.")
    assert all(part in tags["workbench.node.animate"] for part in ("code ", "weights ", "av=="))


def test_the_run_in_mlflow_holds_the_files_themselves(first: dict[str, Any]) -> None:
    run = Run(first["mlflowRun"])
    assert set(run.files()) == {"final.mp4", "speech.wav", "script.txt", "graph.json", "contact_sheet.jpg"}
    assert hashlib.sha256(run.file("final.mp4")).hexdigest() == artifact_in(first["video"])  # unsigned, as it is stored
    assert run.file("script.txt").decode() == SCRIPT
    assert [node["id"] for node in json.loads(run.file("graph.json"))["nodes"]] == NODES


def test_the_trace_has_a_span_for_each_node(first: dict[str, Any]) -> None:
    trace = f"tr-{hashlib.sha256(first['jobId'].encode()).hexdigest()[:32]}"
    names = Run(first["mlflowRun"]).span_names(trace)
    assert sorted(name.partition(" (")[0] for name in names if " (" in name) == sorted(NODES)
    assert len(names) == len(NODES) + 1  # and the job itself


def test_a_repeated_job_computes_nothing_and_gives_the_same_bytes(
    program: Program, first: dict[str, Any], tmp_path: Path
) -> None:
    again = program.json(*HEAD, "--script", SCRIPT, "--out", str(tmp_path / "kept" / "again.mp4"))
    assert (again["status"], executed(again)) == ("completed", [])
    assert again["jobId"] != first["jobId"]
    assert again["video"] == str(tmp_path / "kept" / "again.mp4")
    assert artifact_in(again["video"]) == artifact_in(first["video"])
    assert again["metrics"] == first["metrics"]
    assert Run(again["mlflowRun"]).values("metrics")["nodes_cached"] == len(NODES)


def test_a_changed_parameter_computes_only_dependent_nodes(program: Program, first: dict[str, Any]) -> None:
    other = program.json(*HEAD, "--script", SCRIPT, "--set", "animate.sway=0.3")
    assert (other["status"], executed(other)) == ("completed", ["animate", "remux", "evaluate"])
    assert artifact_in(other["video"]) != artifact_in(first["video"])
    assert Run(other["mlflowRun"]).values("params")["animate.sway"] == "0.3"


def test_a_rerun_repeats_a_job_and_names_it_as_its_parent(program: Program, first: dict[str, Any]) -> None:
    again = program.json("job", "rerun", first["jobId"])
    assert (again["status"], executed(again)) == ("completed", [])
    assert artifact_in(again["video"]) == artifact_in(first["video"])
    assert Run(again["mlflowRun"]).values("tags")["workbench.parent"] == first["jobId"]
    quieter = program.json("job", "rerun", first["jobId"], "--set", "remux.audio_bitrate_kbps=64")
    assert executed(quieter) == ["remux", "evaluate"]


def test_disabled_steps_do_not_run(program: Program, first: dict[str, Any]) -> None:
    short = program.json(*HEAD, "--script", SCRIPT, "--without", "upscale", "--without", "evaluate")
    assert [node["id"] for node in short["nodes"]] == ["script", "speech", "animate", "remux"]
    assert executed(short) == ["animate", "remux"]  # the portrait itself is another picture than the upscaled one


def test_artifacts_are_listed_and_copied(program: Program, first: dict[str, Any], tmp_path: Path) -> None:
    listed = program.json("job", "artifacts", first["jobId"])
    made = {(item["node"], item["output"], item["mediaType"]) for item in listed}
    assert {
        ("speech", "audio", "audio/wav"),
        ("upscale", "image", "image/png"),
        ("animate", "video", "video/mp4"),
        ("remux", "video", "video/mp4"),
        ("evaluate", "contact_sheet", "image/jpeg"),
        ("evaluate", "series", "application/vnd.apache.parquet"),
    } <= made
    saved = program.json("job", "artifacts", first["jobId"], "--save", str(tmp_path))
    for item in saved:
        assert hashlib.sha256(Path(item["path"]).read_bytes()).hexdigest() == item["savedSha256"]
        if item["mediaType"] == "application/vnd.apache.parquet":  # numbers, which are not signed
            assert item["savedSha256"] == item["sha256"]
        else:
            assert artifact_in(item["path"]) == item["sha256"]
    assert len({item["path"] for item in saved}) == len(saved)


def test_the_text_output_lists_all_locations(program: Program, first: dict[str, Any]) -> None:
    shown = program.run("job", "show", first["jobId"])
    for text in (first["jobId"], first["video"], first["mlflowRun"], "generate.portrait_animation", "down"):
        assert text in shown
    assert f"first frame after {first['firstFrameSeconds']:.1f} s" in shown
    assert program.json("job", "show", first["jobId"])["metrics"] == first["metrics"]


def test_the_packaged_model_writes_the_script_for_a_prompt(program: Program, first: dict[str, Any]) -> None:
    shown = program.json(
        *HEAD, "--prompt", "Say in one sentence why the sea is salty.", "--set", "script.max_words=15", "--seed", "3"
    )
    assert shown["status"] == "completed"
    assert executed(shown) == ["script", "speech", "animate", "remux", "evaluate"]
    run = Run(shown["mlflowRun"])
    written = run.file("script.txt").decode().split()
    assert 3 <= len(written) <= 15
    assert shown["metrics"]["evaluate.word_error_rate"] < 0.5  # what is heard is what was written
    assert run.values("params")["seed"] == "3"


def test_parts_change_the_time_and_not_the_bytes(program: Program) -> None:
    """The job again, of which no node takes its input in parts."""
    deployment, taken = program.client, []
    with tempfile.TemporaryDirectory() as folder:
        portrait = store_file(deployment, sample_portrait(Path(folder)), "image")[0]
    settings = Settings(leave_out=frozenset({"upscale", "evaluate"}), fresh=True)
    script = "It speaks before it has read this to the end. That is the whole idea. Is it not?"
    graph = build(find_pipeline("talking_head"), {"portrait": portrait, "script": script}, settings)
    for streams in (nullcontext(), patch("workbench.engine.plan.find_streams", return_value={})):
        with streams:
            job = submit_graph(deployment, Request(graph, pipeline="talking_head")).job
        record = await_record(deployment, job)
        assert record.status is JobStatus.COMPLETED, record.error
        seen = [(event.type, event.node) for event in deployment.events(job)]
        early = seen.index((EventType.NODE_RUNNING, "remux")) < seen.index((EventType.NODE_COMPLETED, "animate"))
        made = [(node, name, ref.sha256) for node, name, ref in artifacts(record)]
        taken.append((early, made))
    assert [early for early, _ in taken] == [True, False]
    assert taken[0][1] == taken[1][1]
