"""One pass over the pictures of a clip, and what is kept of it: lip openings, faces, sharpness, thumbnails."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from nodes._face import MODEL_KEY as FACE_KEY
from nodes._face import detect, load_face_models, mesh, read_picture
from nodes.evaluate import _identity
from nodes.evaluate._clip import ClipFacts, read_pictures, runs, spread
from nodes.evaluate._contact_sheet import thumbnail
from nodes.evaluate._faces import FaceTrack
from nodes.evaluate._lips import mouth_opening
from nodes.evaluate._sharpness import face_sharpness
from nodes.evaluate._unmeasured import Unmeasured
from nodes.sdk import Context


class Sampling(Protocol):
    """How many frames each measure looks at."""

    @property
    def lip_frames(self) -> int: ...
    @property
    def identity_frames(self) -> int: ...
    @property
    def sheet_frames(self) -> int: ...


@dataclass
class Looks:
    """Attributes:
    looked: frames in which a face was looked for.
    times_s, openings: moments with a face, and how far the lips are apart then.
    descriptions: (128,) identity of the face in some frames.
    faceless: frames of those in which dlib found none.
    sharp: sharpness of the face in the frames of the sheet.
    thumbnails: time and small picture of the frames of the sheet.
    """

    looked: int = 0
    times_s: list[float] = field(default_factory=list)
    openings: list[float] = field(default_factory=list)
    descriptions: list[NDArray[Any]] = field(default_factory=list)
    faceless: int = 0
    sharp: list[float] = field(default_factory=list)
    thumbnails: list[tuple[float, NDArray[Any]]] = field(default_factory=list)

    @property
    def face_share(self) -> float | None:
        return round(len(self.times_s) / self.looked, 4) if self.looked else None

    def identity(self, ctx: Context, portrait: Path | None) -> tuple[float, int]:
        """Mean distance to the portrait and the number of frames. Raises Unmeasured."""
        if portrait is None:
            raise Unmeasured("no portrait was given to compare with")
        if not self.descriptions:
            raise Unmeasured(f"no face was found in {self.faceless} frames of the video")
        models = ctx.model(_identity.MODEL_KEY, _identity.load_recognition)
        try:
            wanted = _identity.describe(read_picture(portrait), models)
        except Unmeasured:
            raise Unmeasured("no face was found in the portrait") from None
        distances = [_identity.distance(wanted, found) for found in self.descriptions]
        return round(float(np.mean(distances)), 4), len(distances)

    def sharpness(self) -> float:
        """Median over the frames of the sheet. Raises Unmeasured."""
        if not self.sharp:
            raise Unmeasured("no face was found in the frames of the contact sheet")
        return round(median(self.sharp), 3)

    def sharpness_ratio(self, ctx: Context, portrait: Path | None) -> float:
        """Sharpness over that of the portrait. Raises Unmeasured."""
        if portrait is None:
            raise Unmeasured("no portrait was given to compare with")
        mine = self.sharpness()
        models = ctx.model(FACE_KEY, load_face_models)
        rgb = read_picture(portrait)
        faces = detect(rgb, models)
        if not faces:
            raise Unmeasured("no face was found in the portrait")
        theirs, _ = face_sharpness(rgb, mesh(rgb, faces[0], models))
        if theirs <= 0:
            raise Unmeasured("the portrait has no detail at all")
        return round(mine / theirs, 4)


def look(ctx: Context, sampling: Sampling, path: Path, facts: ClipFacts, on_share: Callable[[float], None]) -> Looks:
    """Decode the clip once and look at some frames; ``on_share`` hears 0..1 and may raise to end the work.

    Raises NodeError: the video is damaged; node.missing_package.
    """
    lips = frozenset(runs(facts.frames, facts.fps, sampling.lip_frames))
    identity = frozenset(spread(facts.frames, sampling.identity_frames))
    sheet = frozenset(spread(facts.frames, sampling.sheet_frames))
    track = FaceTrack(ctx.model(FACE_KEY, load_face_models))
    recognition = ctx.model(_identity.MODEL_KEY, _identity.load_recognition)
    seen = Looks()
    for picture in read_pictures(path, facts, lips | identity | sheet):
        on_share(picture.index / facts.frames)
        points = track.next(picture.rgb, picture.time_s) if picture.index in lips | sheet else None
        if picture.index in lips:
            seen.looked += 1
            if points is not None:
                seen.times_s.append(picture.time_s)
                seen.openings.append(mouth_opening(points))
        if picture.index in identity:
            try:
                seen.descriptions.append(_identity.describe(picture.rgb, recognition))
            except Unmeasured:
                seen.faceless += 1
        if picture.index in sheet:
            seen.thumbnails.append((picture.time_s, thumbnail(picture.rgb)))
            if points is not None:
                seen.sharp.append(face_sharpness(picture.rgb, points)[0])
    return seen
