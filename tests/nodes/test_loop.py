"""A clip that plays back and forth: every frame follows one of its neighbours, and the seam is as small as they are."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from nodes.generate import _loop
from nodes.generate._loop import FramesInAnyOrder, SeamMeter, there_and_back, turns


def test_it_turns_around_without_showing_a_frame_twice() -> None:
    assert [frame_at(index, 4) for index in range(11)] == [0, 1, 2, 3, 2, 1, 0, 1, 2, 3, 2]
    assert [index for index in range(11) if turns_at(index, 4)] == [4, 7, 10]
    assert [frame_at(index, 2) for index in range(4)] == [0, 1, 0, 1]
    assert [frame_at(index, 1) for index in range(3)] == [0, 0, 0] and not turns_at(3, 1)
    step = Fraction(2, 5)  # places between the frames
    places = [float(there_and_back(index * step, 3)) for index in range(12)]
    assert places == pytest.approx([0, 0.4, 0.8, 1.2, 1.6, 2, 1.6, 1.2, 0.8, 0.4, 0, 0.4])
    assert [index for index in range(1, 17) if turns((index - 1) * step, index * step, 3)] == [6, 11, 16]
    step = Fraction(3, 5)
    assert [index for index in range(1, 11) if turns((index - 1) * step, index * step, 3)] == [4, 7]


def frame_at(index: int, count: int) -> int:
    return int(there_and_back(Fraction(index), count))


def turns_at(index: int, count: int) -> bool:
    return turns(Fraction(index - 1), Fraction(index), count)


def moving(count: int) -> list[Any]:
    """(64, 64, 3) uint8 frames of a pattern that moves to the right, ever faster."""
    x, y = np.meshgrid(np.arange(64), np.arange(64))
    return [
        np.stack([np.round(127 + 120 * np.sin((x - index * (0.4 + index / 80)) / 5 + y / 9))] * 3, -1).astype(np.uint8)
        for index in range(count)
    ]


def seam_of(frames: list[Any], seams: list[int]) -> float:
    meter = SeamMeter()
    for index, rgb in enumerate(frames):
        meter.see(rgb, seam=index in seams)
    return meter.end()


def test_the_seam_of_a_loop_cannot_be_told_from_the_steps_around_it() -> None:
    clip = moving(20)
    looped = [clip[frame_at(index, 20)] for index in range(60)]
    assert 0.8 < seam_of(looped, [index for index in range(60) if turns_at(index, 20)]) < 1.25


def test_a_cut_back_to_the_start_shows() -> None:
    clip = moving(20)
    assert seam_of([clip[index % 20] for index in range(60)], [20, 40]) > 5
    assert seam_of([clip[index % 20] for index in range(22)], [20]) > 5, "also near the end"


def test_a_standing_picture_has_a_seam_of_one_and_a_clip_without_a_seam_none() -> None:
    still = moving(1)
    assert seam_of(still * 9, [5]) == 1
    assert seam_of(moving(9), []) == 0


@pytest.mark.parametrize("kept_bytes", [0, 2**20])
@pytest.mark.parametrize("start", [0, 5, 30, 61])
def test_frames_in_any_order_are_those_of_the_clip(
    monkeypatch: pytest.MonkeyPatch, kept_bytes: int, start: int
) -> None:
    monkeypatch.setattr(_loop, "_KEPT_BYTES", kept_bytes)
    clip = moving(30)
    decoded = 0

    def read(first: int) -> Iterator[Any]:
        nonlocal decoded
        for rgb in clip[first:]:
            decoded += 1
            yield rgb

    order = FramesInAnyOrder(read)
    for index in range(start, 120):
        number = frame_at(index, 30)
        assert order.at(number) is clip[number]
    if kept_bytes:
        assert decoded <= 60, "a short clip is decoded once, or twice if it is entered in the middle"
    else:
        assert decoded < 3 * 120
