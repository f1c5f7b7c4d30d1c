"""Makes the landmarks of a video's faces steady, because a restored face trembles when its square does.

Source: own work. Each landmark lies on a straight line fitted to its positions in the frames around it (local linear
regression; Cleveland, "Robust locally weighted regression", JASA 1979, without the robust rounds). So the square
neither lags behind a moving face nor depends on frames far away: a video that is resumed gets the same squares.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

REACH = 4  # frames before and after that count: 0.16 s at 25 fps
_SAME = 0.6  # of the distance between eyes and mouth, by which a face may move from one frame to the next

Landmarks = NDArray[Any]  # (5, 2) in pixels


@dataclass(frozen=True)
class SteadyFace:
    """A face in one frame.

    Attributes:
        landmarks: (5, 2) float64 in pixels.
        presence: 0 to 1; less than 1 in the frames in which the face appears or vanishes, so that nothing flashes.
    """

    landmarks: Landmarks
    presence: float


def steady(window: Sequence[Sequence[Landmarks]], at: int) -> list[SteadyFace]:
    """The faces of the frame ``at``, from those found in the frames of a window around it.

    A face that was not found in this frame, but before and after it, is there too.
    """
    before, after = window[at - 1 :: -1] if at else [], window[at + 1 :]
    faces = []
    for own in [*window[at], *_missed(window[at], before, after)]:
        samples = {0: own} if any(own is found for found in window[at]) else {}
        for step, side in ((-1, before), (1, after)):
            samples |= {step * distance: found for distance, found in _followed(own, side)}
        faces.append(SteadyFace(_on_line(samples), _presence(samples, len(before), len(after))))
    return [face for face in faces if face.presence > 0]


def _missed(found: Sequence[Landmarks], before: Sequence[Any], after: Sequence[Any]) -> list[Landmarks]:
    """Where faces must be that were found before and after this frame only."""
    missed: list[Landmarks] = []
    earlier, later = (next(((i, faces) for i, faces in enumerate(side, 1) if faces), None) for side in (before, after))
    if earlier is None or later is None:
        return missed
    for face in earlier[1]:
        other = _nearest(face, later[1], earlier[0] + later[0])
        if other is not None:
            share = earlier[0] / (earlier[0] + later[0])
            between = face + (other - face) * share
            if _nearest(between, [*found, *missed], 1) is None:
                missed.append(between)
    return missed


def _followed(face: Landmarks, side: Sequence[Sequence[Landmarks]]) -> list[tuple[int, Landmarks]]:
    """The same face in the frames of one side, with their distances; frames that miss it are left out."""
    chain, last, gap = [], face, 1
    for distance, faces in enumerate(side, 1):
        nearest = _nearest(last, faces, gap)
        if nearest is None:
            gap += 1
        else:
            chain.append((distance, nearest))
            last, gap = nearest, 1
    return chain


def _nearest(face: Landmarks, faces: Sequence[Landmarks], frames: int) -> Landmarks | None:
    """The face nearest to this one, if it can be the same after so many frames."""
    allowed = _SAME * frames * float(np.linalg.norm(face[:2].mean(0) - face[3:].mean(0)))
    distances = [float(np.linalg.norm(other.mean(0) - face.mean(0))) for other in faces]
    if not distances or min(distances) > allowed:
        return None
    return faces[int(np.argmin(distances))]


def _on_line(samples: dict[int, Landmarks]) -> Landmarks:
    distances = np.array(list(samples), float)
    weights = _weight(distances)
    values = np.stack(list(samples.values())).astype(float)
    weights /= weights.sum()
    middle = (weights * distances).sum()
    mean = np.tensordot(weights, values, 1)
    spread = (weights * (distances - middle) ** 2).sum()
    if spread == 0:
        return np.asarray(mean)
    slope = np.tensordot(weights * (distances - middle), values, 1) / spread
    return np.asarray(mean - slope * middle)


def _presence(samples: dict[int, Landmarks], before: int, after: int) -> float:
    """The share of the frames around in which the face is there, from one half (0) to all (1)."""
    first, last = min(samples), max(samples)
    every = np.arange(-before, after + 1)
    weights = _weight(every)
    share = float(weights[(every >= first) & (every <= last)].sum() / weights.sum())
    return min(1.0, max(0.0, 2 * share - 1))


def _weight(distances: NDArray[Any]) -> NDArray[Any]:
    return np.asarray(np.exp(-0.5 * (distances / (REACH / 2)) ** 2))
