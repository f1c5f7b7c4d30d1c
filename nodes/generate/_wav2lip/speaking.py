"""Makes the frames of the video in batches: image, face, what it hears, mouth, and the mouth put back."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from nodes.generate._loop import SeamMeter
from nodes.generate._part_layout import CUT
from nodes.generate._wav2lip.blending import Blending, put_back, taken
from nodes.generate._wav2lip.footage import Footage
from nodes.generate._wav2lip.hearing import Hearing
from nodes.generate._wav2lip.lips import Lips
from nodes.sdk import AudioRef, Context, InParts

_PREVIEW_PX = 320


class Speaking:
    """The frames of a video whose face speaks. Holds a batch of them in memory."""

    def __init__(self, ctx: Context, footage: Footage, hearing: Hearing, lips: Lips, blending: Blending) -> None:
        self._ctx, self._footage, self._hearing, self._lips = ctx, footage, hearing, lips
        self._blending, self._batch = blending, lips.batch
        self._meter = SeamMeter()

    @property
    def seam(self) -> float | None:
        """The change of the image at the worst seam / that around it; None without a seam."""
        return self._meter.end() or None

    def frames(self, audio: InParts[AudioRef]) -> Iterator[NDArray[Any]]:
        """Yield the (H, W, 3) uint8 frames after the finished parts.

        Batches end with the parts, so that a resumed node runs the same ones. What is there of the clip is searched for
        the face before the network runs.
        """
        part = len(self._ctx.parts)
        heard_s: list[float] = []  # lengths of the finished parts of the speech
        while True:
            first, after = CUT.start(part), CUT.start(part + 1)
            for start in range(first, after, self._batch):
                wanted = min(start + self._batch, after)
                end = self._hearing.frames(wanted)
                heard_s += (one.duration_s or 0.0 for one in audio.finished(len(heard_s)))
                covered = int(sum(heard_s) * self._footage.fps)
                known = max(covered, self._hearing.known_frames())
                for looked in self._footage.look_ahead(covered - 1):  # the last one may be cut
                    self._ctx.progress(looked + 1, covered, "frames looked at")
                for number, rgb in enumerate(self._made(start, end), start + 1):
                    yield rgb
                    self._ctx.progress(number, known, "frames")
                if end < wanted:
                    return
            part += 1

    def _made(self, start: int, end: int) -> Iterator[NDArray[Any]]:
        """One batch."""
        if end <= start:
            return
        boxes = [self._footage.box(frame) for frame in range(start, end)]
        heard = self._hearing.windows(start, end - start)
        images = [self._footage.image(frame) for frame in range(start, end)]
        faces = [None if box is None else taken(rgb, box) for rgb, box in zip(images, boxes, strict=True)]
        there = [face for face in faces if face is not None]
        has_face = [face is not None for face in faces]
        mouths = iter(self._lips.painted(np.stack(there), heard[has_face]) if there else ())
        for frame, rgb, box, face in zip(range(start, end), images, boxes, faces, strict=True):
            made = rgb
            if box is not None and face is not None:
                made = put_back(rgb, box, face, next(mouths), self._blending)
            self._meter.see(made, seam=self._footage.seam(frame))
            self._ctx.preview(partial(_preview, made))
            yield made


def _preview(rgb: NDArray[Any]) -> bytes:
    """A small JPEG."""
    scale = min(1.0, _PREVIEW_PX / max(rgb.shape[:2]))
    small = cv2.resize(rgb, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    return cv2.imencode(".jpg", small[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 80])[1].tobytes()
