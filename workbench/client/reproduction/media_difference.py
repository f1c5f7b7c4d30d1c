"""How far off media are: PSNR per frame, the largest difference of a sample or a pixel.

PSNR over the 8-bit RGB values of a frame: 10 log10(255² / mean squared error), in dB. Blocks; decodes both files.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import zip_longest
from pathlib import Path
from typing import Any

MAX_FRAMES = 100_000


def compare_videos(then: Path, now: Path) -> dict[str, Any]:
    """The fields of ``Compared`` for two videos. Raises OSError, ValueError or av.FFmpegError if one is unreadable."""
    import numpy as np

    worst, worst_at, total, differ, frames = math.inf, None, 0.0, 0, 0
    extra = [0, 0]
    for index, (one, other) in enumerate(zip_longest(_frames(then), _frames(now))):
        if index >= MAX_FRAMES:
            break
        if one is None or other is None:
            extra[0 if other is None else 1] += 1
            continue
        frames += 1
        if one.shape != other.shape:
            return {"note": f"{one.shape[1]} x {one.shape[0]} then, {other.shape[1]} x {other.shape[0]} now"}
        error = float(np.mean((one.astype(np.float32) - other.astype(np.float32)) ** 2))
        if error > 0:
            psnr = 10 * math.log10(255**2 / error)
            differ, total = differ + 1, total + psnr
            if psnr < worst:
                worst, worst_at = psnr, index
    found: dict[str, Any] = {"frames": frames, "frames_differ": differ}
    if differ:
        found |= {"psnr_min_db": round(worst, 2), "psnr_mean_db": round(total / differ, 2), "worst_frame": worst_at}
    notes = [] if differ else ["every frame is the same; the file around it differs"]
    notes += [f"{extra[0]} frames more then"] if extra[0] else []
    notes += [f"{extra[1]} frames more now"] if extra[1] else []
    sound = compare_sounds(then, now)
    if sound:
        found["max_difference"] = sound.get("max_difference")
        notes += [f"audio: {sound['note']}"] if sound.get("note") else []
    return found | {"note": "; ".join(notes)}


def compare_sounds(then: Path, now: Path) -> dict[str, Any]:
    """The fields of ``Compared`` for two audio tracks; empty if neither file has one."""
    import numpy as np

    one, other = _samples(then), _samples(now)
    if one is None and other is None:
        return {}
    if one is None or other is None:
        return {"note": f"no audio {'then' if one is None else 'now'}"}
    if one[1] != other[1] or one[0].shape[0] != other[0].shape[0]:
        return {"note": f"{one[1]} Hz, {one[0].shape[0]} channels then; {other[1]} Hz, {other[0].shape[0]} now"}
    length = min(one[0].shape[1], other[0].shape[1])
    most = float(np.max(np.abs(one[0][:, :length] - other[0][:, :length]))) if length else 0.0
    longer = abs(one[0].shape[1] - other[0].shape[1])
    note = f"{longer} samples more {'then' if one[0].shape[1] > length else 'now'}" if longer else ""
    return {"max_difference": round(most, 6), "note": note}


def compare_images(then: Path, now: Path) -> dict[str, Any]:
    """The fields of ``Compared`` for two images."""
    import numpy as np
    from PIL import Image

    with Image.open(then) as one, Image.open(now) as other:
        if one.size != other.size:
            return {"note": f"{one.size[0]} x {one.size[1]} then, {other.size[0]} x {other.size[1]} now"}
        left, right = (np.asarray(side.convert("RGBA"), np.float32) for side in (one, other))
    error, most = float(np.mean((left - right) ** 2)), float(np.max(np.abs(left - right))) / 255
    if not error:
        return {"max_difference": 0.0, "note": "every pixel is the same; the file around them differs"}
    psnr = round(10 * math.log10(255**2 / error), 2)
    return {"max_difference": round(most, 6), "psnr_min_db": psnr, "psnr_mean_db": psnr}


def _frames(path: Path) -> Iterator[Any]:
    import av

    with av.open(str(path)) as container:
        if container.streams.video:
            for frame in container.decode(video=0):
                yield frame.to_ndarray(format="rgb24")


def _samples(path: Path) -> tuple[Any, int] | None:
    """float32 of shape (channels, samples), -1 to 1, and the rate; None without an audio track."""
    import av
    import numpy as np

    with av.open(str(path)) as container:
        if not container.streams.audio:
            return None
        stream = container.streams.audio[0]
        layout, rate = stream.layout.name, stream.rate
        resampler = av.AudioResampler(format="fltp", layout=layout, rate=rate)
        pieces = [piece.to_ndarray() for frame in container.decode(audio=0) for piece in resampler.resample(frame)]
        return (np.concatenate(pieces, axis=1) if pieces else np.zeros((1, 0), np.float32)), rate
