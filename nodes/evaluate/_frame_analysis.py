"""Analyses the frames of a clip in one pass: lip openings, face descriptors, sharpness and thumbnails."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from nodes._face import MODEL_KEY as FACE_KEY
from nodes._face import detect, load_face_models, mesh, read_image
from nodes.evaluate import _identity
from nodes.evaluate._clip import ClipFacts, read_frames, runs, spread
from nodes.evaluate._contact_sheet import thumbnail
from nodes.evaluate._face_tracking import FaceTracker
from nodes.evaluate._lip_sync import mouth_opening
from nodes.evaluate._sharpness import face_sharpness
from nodes.evaluate._unmeasured import Unmeasured
from nodes.sdk import Context


class Sampling(Protocol):
    """How many frames each metric uses."""

    @property
    def lip_frames(self) -> int: ...
    @property
    def identity_frames(self) -> int: ...
    @property
    def sheet_frames(self) -> int: ...


@dataclass
class FrameAnalysis:
    """Results of the pass.

    Attributes:
        searched: number of frames in which a face was searched for.
        times_s, openings: times of frames with a face, and the lip opening in each.
        descriptors: (128,) identity descriptor of the face in some frames.
        without_face: number of those frames in which dlib found no face.
        sharpnesses: sharpness of the face in the frames of the sheet.
        thumbnails: time and reduced image of the frames of the sheet.
    """

    searched: int = 0
    times_s: list[float] = field(default_factory=list)
    openings: list[float] = field(default_factory=list)
    descriptors: list[NDArray[Any]] = field(default_factory=list)
    without_face: int = 0
    sharpnesses: list[float] = field(default_factory=list)
    thumbnails: list[tuple[float, NDArray[Any]]] = field(default_factory=list)

    @property
    def face_share(self) -> float | None:
        return round(len(self.times_s) / self.searched, 4) if self.searched else None

    def identity(self, ctx: Context, portrait: Path | None) -> tuple[float, int]:
        """Mean distance to the portrait and the number of frames. Raises Unmeasured."""
        if portrait is None:
            raise Unmeasured("no portrait was given to compare with")
        if not self.descriptors:
            raise Unmeasured(f"no face was found in {self.without_face} frames of the video")
        models = ctx.model(_identity.MODEL_KEY, _identity.load_recognition)
        try:
            expected = _identity.describe(read_image(portrait), models)
        except Unmeasured:
            raise Unmeasured("no face was found in the portrait") from None
        distances = [_identity.distance(expected, found) for found in self.descriptors]
        return round(float(np.mean(distances)), 4), len(distances)

    def sharpness(self) -> float:
        """Median over the frames of the sheet. Raises Unmeasured."""
        if not self.sharpnesses:
            raise Unmeasured("no face was found in the frames of the contact sheet")
        return round(median(self.sharpnesses), 3)

    def sharpness_ratio(self, ctx: Context, portrait: Path | None) -> float:
        """Sharpness / sharpness of the portrait. Raises Unmeasured."""
        if portrait is None:
            raise Unmeasured("no portrait was given to compare with")
        in_video = self.sharpness()
        models = ctx.model(FACE_KEY, load_face_models)
        rgb = read_image(portrait)
        faces = detect(rgb, models)
        if not faces:
            raise Unmeasured("no face was found in the portrait")
        in_portrait, _ = face_sharpness(rgb, mesh(rgb, faces[0], models))
        if in_portrait <= 0:
            raise Unmeasured("the portrait has no detail")
        return round(in_video / in_portrait, 4)


def analyse_frames(
    ctx: Context, sampling: Sampling, path: Path, facts: ClipFacts, on_share: Callable[[float], None]
) -> FrameAnalysis:
    """Decode the clip once and analyse some frames. Calls ``on_share`` with 0 to 1; it may raise to stop the work.

    Raises NodeError: the video is damaged; node.missing_package.
    """
    lips = frozenset(runs(facts.frames, facts.fps, sampling.lip_frames))
    identity = frozenset(spread(facts.frames, sampling.identity_frames))
    sheet = frozenset(spread(facts.frames, sampling.sheet_frames))
    track = FaceTracker(ctx.model(FACE_KEY, load_face_models))
    recognition = ctx.model(_identity.MODEL_KEY, _identity.load_recognition)
    analysis = FrameAnalysis()
    for frame in read_frames(path, facts, lips | identity | sheet):
        on_share(frame.index / facts.frames)
        points = track.next(frame.rgb, frame.time_s) if frame.index in lips | sheet else None
        if frame.index in lips:
            analysis.searched += 1
            if points is not None:
                analysis.times_s.append(frame.time_s)
                analysis.openings.append(mouth_opening(points))
        if frame.index in identity:
            try:
                analysis.descriptors.append(_identity.describe(frame.rgb, recognition))
            except Unmeasured:
                analysis.without_face += 1
        if frame.index in sheet:
            analysis.thumbnails.append((frame.time_s, thumbnail(frame.rgb)))
            if points is not None:
                analysis.sharpnesses.append(face_sharpness(frame.rgb, points)[0])
    return analysis
