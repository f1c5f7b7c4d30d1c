"""generate.infinitetalk against recorded answers of a ComfyUI server (a stand-in: nothing is rendered)."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from PIL import Image

from nodes.context import Cancelled
from nodes.generate import infinitetalk
from nodes.generate._clips import ClipWriter
from nodes.generate._comfyui import ComfyUI
from nodes.generate._infinitetalk import OUTPUT, windows
from nodes.local import FolderHost, local_context, run_locally
from nodes.sdk import NodeError, NodeUnavailable
from tests.nodes.comfyui_server import FakeComfyUI, serving
from tests.store.media import write_tone


def clip(path: Path, frames: int) -> bytes:
    with ClipWriter(path, Fraction(25)) as writer:
        for index in range(frames):
            writer.add(np.full((64, 48, 3), index, np.uint8))
    return path.read_bytes()


@pytest.fixture
def comfyui(tmp_path: Path) -> Iterator[tuple[FakeComfyUI, str]]:
    fake = FakeComfyUI(clip(tmp_path / "made.mp4", 81))
    with serving(fake) as url:
        yield fake, url


def run(
    tmp_path: Path, url: str, seed: int = 7, host: type[FolderHost] | None = None, **params: Any
) -> tuple[Any, Any]:
    ctx = local_context(tmp_path / "store", seed=seed, settings={"comfyui_url": url, "comfyui_poll_s": "0.01"})
    if host is not None:
        ctx.host = host(tmp_path / "store")
    picture = tmp_path / "me.png"
    Image.new("RGB", (64, 64), (200, 150, 120)).save(picture)
    image = ctx.save(picture.read_bytes(), "image")
    audio = ctx.save(write_tone(tmp_path / "tone.wav").read_bytes(), "audio")
    return run_locally(infinitetalk.run, ctx, params, {"image": image, "audio": audio, "stage_prompt": "Calm."}), ctx


def frames_in(path: Path) -> int:
    with av.open(str(path)) as container:
        return sum(1 for _ in container.decode(video=0))


def test_the_clip_is_rendered_on_the_server_and_cut_to_the_speech(
    tmp_path: Path, comfyui: tuple[FakeComfyUI, str]
) -> None:
    fake, url = comfyui
    outputs, ctx = run(tmp_path, url)
    with av.open(str(tmp_path / "tone.wav")) as sound:
        seconds = Fraction(sum(frame.samples for frame in sound.decode(audio=0)), sound.streams.audio[0].rate)
    wanted = -(-seconds * 25 // 1)
    assert wanted < 81 and frames_in(ctx.open(outputs.video)) == wanted
    assert len(fake.posted) == 1 and len(fake.uploads) == 2
    prompt = fake.posted[0]["prompt"]
    assert (
        prompt["image"]["inputs"]["image"]
        == f"workbench/{next(name for name in fake.uploads if name.endswith('.png'))}"
    )
    assert prompt["positive"]["inputs"]["text"] == "Calm."
    assert (
        prompt["window0"]["inputs"]["motion_frame_count"] == 25 and "previous_frames" not in prompt["window0"]["inputs"]
    )
    assert prompt["cut"]["inputs"]["length"] == wanted and prompt["sample0"]["inputs"]["seed"] == 7
    assert outputs.windows == 1


def test_a_queued_or_finished_run_is_not_posted_again(tmp_path: Path, comfyui: tuple[FakeComfyUI, str]) -> None:
    fake, url = comfyui
    run(tmp_path, url)
    run(tmp_path, url)
    assert len(fake.posted) == 1, "found in the history"
    run(tmp_path, url, seed=8)
    assert len(fake.posted) == 2 and fake.posted[0]["prompt_id"] != fake.posted[1]["prompt_id"]


def test_a_crashed_attempt_is_found_running(tmp_path: Path, comfyui: tuple[FakeComfyUI, str]) -> None:
    fake, url = comfyui
    fake.looks = 1_000_000

    class Dies(FolderHost):
        def progress(self, done: float, total: float, unit: str) -> None:
            raise RuntimeError("the process dies")

    with pytest.raises(RuntimeError):
        run(tmp_path, url, host=Dies)
    assert len(fake.posted) == 1 and not fake.interrupted
    fake.looks = 0
    run(tmp_path, url)
    assert len(fake.posted) == 1


def test_cancelling_interrupts_it_and_a_later_run_is_another_prompt(
    tmp_path: Path, comfyui: tuple[FakeComfyUI, str]
) -> None:
    fake, url = comfyui
    fake.ends = "never"

    class Cancelling(FolderHost):
        def cancelled(self) -> bool:
            return fake.asked.count("GET /queue") >= 3

    with pytest.raises(Cancelled):
        run(tmp_path, url, host=Cancelling)
    assert fake.interrupted == [fake.posted[0]["prompt_id"]]
    fake.ends = "success"
    run(tmp_path, url)
    assert len(fake.posted) == 2 and fake.posted[1]["prompt_id"] != fake.posted[0]["prompt_id"]


@pytest.mark.parametrize(
    ("refuses", "code", "said"),
    [
        ("missing_model_file", "node.model_unavailable", "wan2.1_i2v.safetensors"),
        ("unknown_class", "node.model_unavailable", "not found"),
        ("bad_value", "node.bad_input", "smaller than min"),
    ],
)
def test_a_rejected_workflow_names_what_is_missing(
    tmp_path: Path, comfyui: tuple[FakeComfyUI, str], refuses: str, code: str, said: str
) -> None:
    fake, url = comfyui
    fake.refuses = refuses
    with pytest.raises(NodeError) as caught:
        run(tmp_path, url)
    assert caught.value.code == code and said in str(caught.value) and caught.value.remedy


def test_a_server_failure_keeps_its_message_and_an_interrupt_is_retried(
    tmp_path: Path, comfyui: tuple[FakeComfyUI, str]
) -> None:
    fake, url = comfyui
    fake.ends = "error"
    with pytest.raises(NodeError) as caught:
        run(tmp_path, url)
    assert "cannot identify image file" in caught.value.message and "LoadImage" in caught.value.where
    fake.ends = "interrupted"
    with pytest.raises(NodeUnavailable):
        run(tmp_path, url)


def test_a_lost_run_and_an_unreachable_server_are_retried(tmp_path: Path, comfyui: tuple[FakeComfyUI, str]) -> None:
    fake, url = comfyui
    fake.ends = "never"

    class Restarting(FolderHost):
        def progress(self, done: float, total: float, unit: str) -> None:
            fake.forget()

    with pytest.raises(NodeUnavailable, match="lost the run"):
        run(tmp_path, url, host=Restarting)
    with pytest.raises(NodeUnavailable, match="does not respond"):
        run(tmp_path, "http://127.0.0.1:9")
    with pytest.raises(NodeUnavailable, match="no ComfyUI server"):
        run(tmp_path, "")


def test_a_video_that_is_gone_on_the_server_is_rendered_again(tmp_path: Path, comfyui: tuple[FakeComfyUI, str]) -> None:
    fake, url = comfyui
    run(tmp_path, url)
    fake.lost = True
    with pytest.raises(NodeUnavailable, match="no longer has the video"):
        run(tmp_path, url)
    fake.lost = False
    run(tmp_path, url)
    assert len(fake.posted) == 2


def test_speech_that_is_too_long_is_refused_before_anything_is_sent(
    tmp_path: Path, comfyui: tuple[FakeComfyUI, str]
) -> None:
    fake, url = comfyui
    with pytest.raises(NodeError, match="too long"):
        run(tmp_path, url, max_seconds=0.1)
    assert fake.asked == []


@pytest.mark.parametrize(("window", "motion", "wrong"), [(80, 25, "window"), (81, 24, "motion"), (21, 25, "motion")])
def test_invalid_window_lengths_are_refused_at_submit(window: int, motion: int, wrong: str) -> None:
    with pytest.raises(NodeError) as refused:
        infinitetalk.check(infinitetalk.Params(window=window, motion=motion), {})
    assert refused.value.where == f"params.{wrong}"


def test_long_speech_is_rendered_in_overlapping_windows() -> None:
    from nodes.generate._infinitetalk import Models, Shot, workflow

    assert [windows(frames, 81, 25) for frames in (1, 81, 82, 137, 138)] == [1, 1, 2, 2, 3]
    shot = Shot("i", "a", "p", 200, 25, 512, 512, 81, 25, 1.6, 6, 1.0, 11.0, "dpmpp_sde", "simple", 1)
    nodes = workflow(shot, Models("d", "", "t", "e", "x", "", "v"))
    assert nodes["window1"]["inputs"]["previous_frames"] == ["decode0", 0]
    assert nodes["window2"]["inputs"]["previous_frames"] == ["so_far1", 0]
    assert nodes["new2"]["inputs"]["batch_index"] == ["window2", 4], "what repeats the window before is left out"
    assert nodes["cut"]["inputs"]["image"] == ["so_far3", 0] and "lora" not in nodes and "vision" not in nodes
    known = {*nodes}
    for node in nodes.values():
        for value in node["inputs"].values():
            assert not isinstance(value, list) or value[0] in known
    assert OUTPUT in nodes


def test_credentials_in_the_url_are_sent_and_never_shown() -> None:
    comfyui = ComfyUI("http://ann:s3cret%40word@127.0.0.1:9/")
    with pytest.raises(NodeUnavailable) as away:
        comfyui.upload(Path(__file__), "0" * 64, ".png")
    told = away.value.info().model_dump_json()
    assert "http://127.0.0.1:9" in told and "s3cret" not in told and "ann" not in told
    assert comfyui._http.headers["authorization"] == "Basic " + b64encode(b"ann:s3cret@word").decode()
