"""generate.upscale_video, on the packaged SPAN weights."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from PIL import Image

from nodes._samples import sample_portrait
from nodes.context import Cancelled
from nodes.generate import upscale_video
from nodes.generate._clips import ClipWriter, frames
from nodes.generate._part_layout import Cut
from nodes.local import FolderHost, local_context, run_locally
from nodes.sdk import NodeError
from tests.nodes.pieces import as_input, clip_in_pieces, saved

pytestmark = pytest.mark.models
FPS = Fraction(30000, 1001)


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ten frames of a moving face, 64 x 48."""
    folder = tmp_path_factory.mktemp("clip")
    with Image.open(sample_portrait(folder)) as image:
        small = np.asarray(image.convert("RGB").resize((96, 96), Image.Resampling.LANCZOS))
    with ClipWriter(folder / "clip.mp4", FPS, crf=6) as writer:
        for index in range(10):
            writer.add(small[20:68, index : index + 64])
    return folder / "clip.mp4"


def run(tmp_path: Path, clip: Path, parts: Any = (), host: FolderHost | None = None, **params: Any) -> tuple[Any, Any]:
    ctx = local_context(tmp_path / "store", parts=parts)
    video = ctx.save(clip.read_bytes(), "video")
    if host is not None:
        ctx.host = host
    return run_locally(upscale_video.run, ctx, params, {"video": video}), ctx


def test_a_clip_becomes_larger_frame_by_frame(tmp_path: Path, clip: Path) -> None:
    outputs, ctx = run(tmp_path, clip)
    assert (outputs.video.width, outputs.video.height, outputs.scale_reached) == (128, 96, 2.0)
    path = ctx.open(outputs.video)
    large, small = list(frames(path)), list(frames(clip))
    assert len(large) == len(small) == 10
    with av.open(str(path)) as container:
        assert container.streams.video[0].average_rate == FPS and not container.streams.audio
    for a, b in zip(large, small, strict=True):
        reduced = np.asarray(Image.fromarray(a).resize((64, 48), Image.Resampling.BOX)).astype(float)
        assert np.abs(reduced - b).mean() < 6, "it shows the same"
    assert np.abs(large[0].astype(float) - large[9]).mean() > 2, "and it moves"


def test_the_longest_side_is_bounded(tmp_path: Path, clip: Path) -> None:
    outputs, _ = run(tmp_path, clip, scale=4, max_side=160)
    assert (outputs.video.width, outputs.video.height, outputs.scale_reached) == (160, 120, 2.5)


def test_another_attempt_continues_after_the_last_part(
    tmp_path: Path, clip: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upscale_video, "CUT", Cut(4, 4))
    whole, ctx = run(tmp_path / "whole", clip)
    assert len(ctx.host.parts) == 3

    class Stops(FolderHost):
        def cancelled(self) -> bool:
            return len(self.parts) >= 1

    host = Stops(tmp_path / "store")
    with pytest.raises(Cancelled):
        run(tmp_path, clip, host=host)
    again, later = run(tmp_path, clip, parts=host.parts)
    assert len(host.parts) == 1 and len(later.host.parts) == 2
    assert again.video.sha256 == whole.video.sha256


def test_a_clip_that_is_too_long_is_refused(tmp_path: Path, clip: Path) -> None:
    with pytest.raises(NodeError, match="too long"):
        run(tmp_path, clip, max_frames=9)


def test_a_clip_in_parts_gives_the_same_bytes_as_the_whole(
    tmp_path: Path, clip: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upscale_video, "CUT", Cut(2, 2))
    few = [frame[:32, :32] for frame in frames(clip)][:5]
    ctx = local_context(tmp_path / "store")

    def upscaled(video: Any, finished: Any = ()) -> tuple[str, list[Any]]:
        ctx = local_context(tmp_path / "store", parts=finished)
        return run_locally(upscale_video.run, ctx, {}, {"video": video}).video.sha256, ctx.host.parts

    whole, parts = upscaled(saved(ctx, few, FPS, tmp_path / "whole.mp4"))
    assert [part["video"]["frames"] for part in parts] == [2, 2, 1]
    for cuts, finished in (((2, 4), 0), ((1, 3), 1), ((3,), 2), ((1,), 3)):
        assert upscaled(as_input(clip_in_pieces(ctx, few, cuts, FPS)), parts[:finished])[0] == whole


def test_a_clip_that_comes_in_parts_is_refused_once_too_many_frames_are_finished(tmp_path: Path, clip: Path) -> None:
    ctx = local_context(tmp_path / "store")
    pieces = clip_in_pieces(ctx, frames(clip), (1, 4), FPS)
    with pytest.raises(NodeError, match="too long") as caught:  # 4 of 10 frames are finished, and none is enlarged
        run_locally(upscale_video.run, ctx, {"max_frames": 3}, {"video": as_input(pieces, ready=2)})
    assert caught.value.seen == "4 frames" and not ctx.host.progressed
