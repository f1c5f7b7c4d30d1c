"""generate.label: the label is in every frame, the rest of the picture stays."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nodes.generate import label
from nodes.generate._clips import frames
from nodes.local import local_context, run_locally
from nodes.sdk import NodeError
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
