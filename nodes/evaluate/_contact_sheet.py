"""An image that summarises a clip: evenly spaced frames with their times, above curves of loudness and lip opening."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

MAX_BYTES = 300_000
_WIDTH = 1280
_GAP = 8
_MARGIN = 20
_STRIP = 84
_GAP_S = 0.3  # the line is interrupted at longer gaps
_PAPER = (24, 26, 31)
_INK = (232, 234, 237)
_FAINT = (138, 144, 155)
_WAVE = (74, 84, 102)
_LIPS = (255, 179, 102)
_QUALITIES = (88, 80, 70, 60, 50, 40, 30)


@dataclass(frozen=True)
class Curve:
    """Values over time, scaled from their minimum to their maximum."""

    times_s: Sequence[float]
    values: Sequence[float]


def contact_sheet(
    frames: Sequence[tuple[float, NDArray[Any]]],
    duration_s: float,
    caption: str,
    audio: Curve | None = None,
    lips: Curve | None = None,
) -> bytes:
    """The sheet as JPEG, at most 300 kB, 1280 px wide (narrower only for noise). Equal inputs give equal bytes.

    Args:
        frames: at least one (time in seconds, (H, W, 3) uint8 RGB), all of the same size, in order.
        caption: one line under the frames, truncated if it does not fit.
        audio: loudness, drawn as a filled curve; None for no curve.
        lips: opening of the lips, drawn as a line above it.
    """
    columns = _columns(len(frames), frames[0][1].shape[1] / frames[0][1].shape[0])
    rows = -(-len(frames) // columns)
    cell_w = (_WIDTH - 2 * _MARGIN - (columns - 1) * _GAP) // columns
    cell_h = max(1, round(cell_w * frames[0][1].shape[0] / frames[0][1].shape[1]))
    strip_top = _MARGIN + rows * (cell_h + _GAP) + 30
    height = strip_top + (_STRIP if audio or lips else 0) + _MARGIN
    sheet = Image.new("RGB", (_WIDTH, height), _PAPER)
    draw = ImageDraw.Draw(sheet)
    for index, (time_s, rgb) in enumerate(frames):
        left = _MARGIN + index % columns * (cell_w + _GAP)
        top = _MARGIN + index // columns * (cell_h + _GAP)
        sheet.paste(Image.fromarray(rgb).resize((cell_w, cell_h), Image.Resampling.LANCZOS), (left, top))
        _stamp(sheet, draw, left, top + cell_h, f"{time_s:.2f} s")
    draw.text((_MARGIN, strip_top - 26), _fitting(draw, caption), _FAINT, _font(14))
    if audio or lips:
        _strip(draw, strip_top, duration_s, [time_s for time_s, _ in frames], audio, lips)
    return _jpeg(sheet)


def thumbnail(rgb: NDArray[Any], most: int = 640) -> NDArray[Any]:
    """A copy of at most the size that the sheet shows, so that large frames need not stay in memory."""
    image = Image.fromarray(rgb)
    image.thumbnail((most, most), Image.Resampling.LANCZOS, reducing_gap=2.0)
    return np.asarray(image)


def _columns(count: int, aspect: float) -> int:
    """The number of columns that gives the sheet the shape of a screen, with full rows if possible."""
    wanted = 3 if aspect > 1.4 else 4 if aspect > 0.8 else 6
    fits = [columns for columns in (wanted, wanted + 1, wanted - 1, wanted + 2) if count % columns == 0]
    return min(count, fits[0] if fits else wanted)


def _stamp(sheet: Image.Image, draw: ImageDraw.ImageDraw, left: int, bottom: int, text: str) -> None:
    font = _font(14)
    width = int(draw.textlength(text, font)) + 12
    box = (left + 6, bottom - 28, left + 6 + width, bottom - 6)
    shade = Image.new("L", (box[2] - box[0], box[3] - box[1]), 0)
    ImageDraw.Draw(shade).rounded_rectangle((0, 0, shade.width - 1, shade.height - 1), 5, fill=170)
    sheet.paste((12, 13, 16), box, shade)
    draw.text((box[0] + 6, box[1] + 3), text, _INK, font)


def _strip(
    draw: ImageDraw.ImageDraw,
    top: int,
    duration_s: float,
    marks_s: list[float],
    audio: Curve | None,
    lips: Curve | None,
) -> None:
    left, right, bottom = _MARGIN, _WIDTH - _MARGIN, top + _STRIP

    def place(curve: Curve) -> list[tuple[float, float]]:
        values = np.asarray(curve.values, float)
        span = max(float(np.ptp(values)), 1e-9)
        heights = (values - values.min()) / span
        return [
            (left + (right - left) * time_s / max(duration_s, 1e-9), bottom - 2 - (_STRIP - 18) * float(height))
            for time_s, height in zip(curve.times_s, heights, strict=True)
        ]

    for time_s in marks_s:
        x = left + (right - left) * time_s / max(duration_s, 1e-9)
        draw.line((x, top + 16, x, bottom), (46, 50, 58))
    if audio:
        points = place(audio)
        draw.polygon([(points[0][0], bottom), *points, (points[-1][0], bottom)], _WAVE)
    if lips and len(lips.times_s) > 1:
        breaks = [i + 1 for i, gap in enumerate(np.diff(lips.times_s)) if gap > _GAP_S]
        points = place(lips)
        for first, end in zip([0, *breaks], [*breaks, len(points)], strict=True):
            draw.line(points[first:end], _LIPS, 2, joint="curve")
    draw.line((left, bottom, right, bottom), _FAINT)
    x = left
    for label, colour in (("loudness", _FAINT if audio else None), ("lips", _LIPS if lips else None)):
        if colour:
            draw.text((x, top - 3), label, colour, _font(12))
            x += int(draw.textlength(label, _font(12))) + 14


def _fitting(draw: ImageDraw.ImageDraw, text: str) -> str:
    room, font = _WIDTH - 2 * _MARGIN, _font(14)
    if draw.textlength(text, font) <= room:
        return text
    while text and draw.textlength(f"{text}…", font) > room:
        text = text[:-1]
    return f"{text}…"


def _font(size: int) -> Any:
    return ImageFont.load_default(size)


def _jpeg(sheet: Image.Image) -> bytes:
    """The JPEG with the best quality that fits. A sheet that fits at no quality (noise, film grain) is scaled down."""
    while True:
        for quality in _QUALITIES:
            buffer = io.BytesIO()
            sheet.save(buffer, "JPEG", quality=quality, subsampling=0 if quality > 80 else 2)
            if buffer.tell() <= MAX_BYTES:
                return buffer.getvalue()
        sheet = sheet.resize((sheet.width * 3 // 4, sheet.height * 3 // 4), Image.Resampling.LANCZOS)
