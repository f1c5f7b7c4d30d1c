"""generate.label: the label is in every frame, the rest of the picture stays; it comes in parts."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nodes.context import Cancelled
from nodes.generate import label
from nodes.generate._clips import frames
from nodes.generate._part_layout import CUT
from nodes.local import FolderHost, local_context, run_locally
from nodes.sdk import InParts, NodeError, VideoRef
from tests.nodes.pieces import Pieces, as_input, clip_in_pieces, saved
from tests.store.media import write_clip


def run(tmp_path: Path, size: int = 160, **params: Any) -> tuple[Path, Path]:
    """The clip and its labelled version."""
    ctx = local_context(tmp_path / "store")
    clip = write_clip(tmp_path / "clip.mp4", 0.2, size)
    given = ctx.save(clip, "video")
    made = run_locally(label.run, ctx, params, {"video": given})
    return clip, ctx.open(made.video)


def test_every_frame_has_the_label_in_its_corner_and_the_rest_stays(tmp_path: Path) -> None:
    clip, labelled = run(tmp_path, height=0.1)
    before, after = (np.stack(list(frames(path))).astype(int) for path in (clip, labelled))
    assert before.shape == after.shape == (5, 160, 160, 3)
    changed = np.abs(before - after).max(axis=3) > 60
    rows, columns = np.nonzero(changed.all(axis=0))
    assert rows.min() > 120 and columns.min() > 40 and rows.max() == columns.max() == 159
    assert all((frame[120:, 40:] > 200).all(axis=2).any() for frame in after)  # white letters
    assert not changed[:, :110].any()


def test_equal_inputs_give_equal_bytes_and_a_label_that_does_not_fit_is_refused(tmp_path: Path) -> None:
    assert run(tmp_path / "a")[1].read_bytes() == run(tmp_path / "b")[1].read_bytes()
    with pytest.raises(NodeError) as caught:
        run(tmp_path / "c", 64, text="This text is much too long to fit into it", height=0.2)
    assert "does not fit" in str(caught.value)


FPS = Fraction(30000, 1001)


def moving(count: int) -> list[Any]:
    """(H, W, 3) uint8 frames that all differ."""
    columns = np.arange(128) + np.zeros((96, 1), int)
    bars = [(columns + 5 * index) % 256 for index in range(count)]
    return [np.stack([bar, columns, 255 - columns], 2).astype(np.uint8) for bar in bars]


def label_of(store: Path, video: Any, finished: Any = ()) -> tuple[str, FolderHost]:
    """The digest of the labelled video."""
    ctx = local_context(store, parts=finished)
    made = run_locally(label.run, ctx, {"text": "AI"}, {"video": video})
    assert isinstance(ctx.host, FolderHost)
    return made.video.sha256, ctx.host


@pytest.mark.parametrize("cuts", [(25, 125), (1, 40, 41, 130)])
def test_a_video_in_parts_gives_the_same_bytes_as_the_whole(tmp_path: Path, cuts: tuple[int, ...]) -> None:
    store, count = tmp_path / "store", CUT.first + CUT.later + 20
    ctx = local_context(store)
    whole, host = label_of(store, saved(ctx, moving(count), FPS, tmp_path / "whole.mp4"))
    assert [part["video"]["frames"] for part in host.parts] == [CUT.first, CUT.later, 20]
    pieces = clip_in_pieces(ctx, moving(count), cuts, FPS)
    assert label_of(store, as_input(pieces))[0] == whole

    kept: list[dict[str, Any]] = []
    for ready in range(1, len(pieces)):  # left at each part, and started again with what it has
        with pytest.raises(Cancelled):
            run_locally(
                label.run, ctx := local_context(store, parts=kept), {"text": "AI"}, {"video": as_input(pieces, ready)}
            )
        kept += ctx.host.parts
        assert len(kept) == sum(CUT.start(part + 1) <= cuts[ready - 1] for part in range(3)), "kept before it waits"
    again, later = label_of(store, as_input(pieces), kept)
    assert again == whole and len(kept) + len(later.parts) == 3


def test_a_part_with_other_frames_than_stated_is_refused(tmp_path: Path) -> None:
    pieces = clip_in_pieces(local_context(tmp_path / "store"), moving(8), (4,), FPS)
    pieces[0]["video"]["frames"] = 5
    with pytest.raises(NodeError, match="does not have the frames"):
        label_of(tmp_path / "store", as_input(pieces))


def test_a_whole_video_in_the_place_of_parts_need_not_state_its_frames(tmp_path: Path) -> None:
    """A producer whose result is found in the cache completes without parts."""
    store = tmp_path / "store"
    whole = saved(local_context(store), moving(8), FPS, tmp_path / "whole.mp4")
    stated = {"video": whole.model_copy(update={"frames": 5}).model_dump()}  # as estimated for some containers
    coming: Any = InParts(incoming=Pieces([], whole=stated), output="video", kind=VideoRef)
    assert label_of(store, coming)[0] == label_of(store, whole)[0]
