"""The image between two frames shows what moved half-way, not a blend of both; a cut stays one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from nodes._samples import sample_portrait
from nodes.generate._between import Between
from tests.nodes.swaying import swaying


def difference(a: Any, b: Any) -> float:
    return float(np.abs(a[16:-16, 16:-16].astype(int) - b[16:-16, 16:-16]).mean())


def test_what_moves_is_half_way_between_the_frames(tmp_path: Path) -> None:
    large = np.asarray(Image.open(sample_portrait(tmp_path)).convert("RGB"))
    frames = [large[100 + 2 * step : 356 + 2 * step, 100 + 4 * step : 356 + 4 * step] for step in range(4)]
    between = Between()
    for step in (1, 2):
        made = between.image((0, 1), frames[0], frames[3], step / 3)
        blended = np.rint(frames[0] * (1 - step / 3) + frames[3] * (step / 3))
        print(f"off by {difference(made, frames[step]):.2f} levels, a blend by {difference(blended, frames[step]):.2f}")
        assert difference(made, frames[step]) < difference(blended, frames[step]) / 5
    assert difference(between.image((0, 1), frames[0], frames[3], 0.0), frames[0]) < 0.5


def test_a_cut_shows_the_nearer_image(tmp_path: Path) -> None:
    frame = swaying(tmp_path, 1, 0.0)[0][0]
    other = 255 - frame[::-1]
    assert Between().image((0, 1), frame, other, 0.3) is frame
    assert Between().image((0, 1), frame, other, 0.7) is other
