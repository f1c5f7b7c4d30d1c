"""Reads a clip, finds the faces, and makes batches, all in a thread beside the device."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from nodes.generate._incoming_clip import IncomingClip
from nodes.generate._part_layout import Cut
from nodes.generate._restoration.alignment import to_square
from nodes.generate._restoration.face_restorer import PlacedFace
from nodes.generate._restoration.gate import Gate
from nodes.generate._restoration.tracks import REACH, Landmarks, steady

FindFaces = Callable[[NDArray[Any]], list[Landmarks]]


@dataclass
class Batch:
    """Some frames in order.

    Attributes:
        first: the number of the first frame.
        frames: (n, H, W, 3) uint8 in memory that the device can read while the CPU goes on.
        known: the number of frames of the clip that is known so far.
    """

    first: int
    frames: Tensor
    known: int
    faces: list[PlacedFace] = field(default_factory=list)


@dataclass(frozen=True)
class Pause:
    """Comes between batches. The reader goes on when the gate opens, after all batches before are finished."""


@dataclass(frozen=True)
class _Frame:
    number: int
    rgb: NDArray[Any]
    known: int
    faces: list[Landmarks]


def read_batches(
    clip: IncomingClip,
    cut: Cut,
    finished_parts: int,
    size: int,
    gate: Gate,
    check: Callable[[int], None],
    find: FindFaces | None,
    pinned: bool,
) -> Iterator[Batch | Pause]:
    """The batches after the finished parts.

    A batch ends where a part ends, and else depends on frame numbers alone: networks give slightly different values in
    batches of other sizes, and a resumed video must equal one made at once. Frames that fill no batch yet wait.

    Args:
        size: frames of a batch.
        check: called with the number of known frames; it may refuse the clip.
        find: finds the faces of a frame; None if no faces are restored.
        pinned: whether the device copies from pinned memory.
    """
    start = cut.start(finished_parts)
    reach = REACH if find else 0
    part, end = finished_parts, start + cut.count(finished_parts)
    waiting: list[tuple[_Frame, list[PlacedFace]]] = []
    for item in _with_faces(_read(clip, max(0, start - reach), gate, check, find), start, reach):
        if isinstance(item, Pause):
            yield item
            continue
        waiting.append(item)
        last = item[0].number + 1
        if len(waiting) == size or last == end:
            yield _batch(waiting, pinned)
            waiting = []
        if last == end:
            part += 1
            end += cut.count(part)
    if waiting:
        yield _batch(waiting, pinned)


def _read(
    clip: IncomingClip, first: int, gate: Gate, check: Callable[[int], None], find: FindFaces | None
) -> Iterator[_Frame | Pause]:
    frames = clip.frames(first)
    number = first
    while True:
        known = clip.known_frames()
        check(known)
        if number >= known:  # the node may be left at the next frame
            yield Pause()
            if not gate.wait():
                return
        rgb = next(frames, None)
        if rgb is None:
            return
        yield _Frame(number, rgb, max(known, number + 1), find(rgb) if find else [])
        number += 1


def _with_faces(
    frames: Iterator[_Frame | Pause], start: int, reach: int
) -> Iterator[tuple[_Frame, list[PlacedFace]] | Pause]:
    """Each frame from ``start`` on with its steady faces, as soon as the frames after it are known."""
    window: deque[_Frame] = deque()
    at = 0  # index of the next frame to pass on

    def settled() -> tuple[_Frame, list[PlacedFace]]:
        seen = steady([frame.faces for frame in window], at) if reach else []
        return window[at], [PlacedFace(0, to_square(face.landmarks), face.presence) for face in seen]

    for item in frames:
        if isinstance(item, Pause):
            yield item
            continue
        window.append(item)
        if window[at].number < start:
            at += 1
        if at < len(window) - reach:
            yield settled()
            at += 1
        while at > reach:
            window.popleft()
            at -= 1
    while at < len(window):
        if window[at].number >= start:
            yield settled()
        at += 1
        while at > reach:
            window.popleft()
            at -= 1


def _batch(items: list[tuple[_Frame, list[PlacedFace]]], pinned: bool) -> Batch:
    first = items[0][0]
    frames = torch.empty((len(items), *first.rgb.shape), dtype=torch.uint8, pin_memory=pinned)
    np.stack([frame.rgb for frame, _ in items], out=frames.numpy())
    faces = [face.moved(index) for index, (_, found) in enumerate(items) for face in found]
    return Batch(first.number, frames, items[-1][0].known, faces)
