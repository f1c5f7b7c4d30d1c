"""The contact sheet of a training: what the base model makes of a prompt, and what the LoRA makes of it."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

SIDE_PX = 320  # longer side of a sample in a checkpoint and on the sheet
_MOST = 12
_COLUMNS = 4
_LABEL_PX = 24
_GAP_PX = 6
_PAPER, _INK = (24, 26, 31), (232, 234, 237)


def reduced(rgb: NDArray[Any]) -> NDArray[Any]:
    """An (H, W, 3) uint8 image at the size of the sheet."""
    image = Image.fromarray(rgb)
    image.thumbnail((SIDE_PX, SIDE_PX), Image.Resampling.LANCZOS)
    return np.array(image)


def sheet(samples: Sequence[tuple[int, NDArray[Any]]]) -> bytes:
    """JPEG of (step, image) pairs; step 0 is the base. Of many, the first, the last and some between are shown."""
    count = min(len(samples), _MOST)
    shown = [samples[round(at * (len(samples) - 1) / max(1, count - 1))] for at in range(count)]
    width = max(image.shape[1] for _, image in shown) + _GAP_PX
    height = max(image.shape[0] for _, image in shown) + _LABEL_PX + _GAP_PX
    columns = min(_COLUMNS, count)
    paper = Image.new("RGB", (columns * width + _GAP_PX, -(-count // columns) * height + _GAP_PX), _PAPER)
    draw = ImageDraw.Draw(paper)
    for at, (step, image) in enumerate(shown):
        left, top = _GAP_PX + at % columns * width, _GAP_PX + at // columns * height
        draw.text((left, top), "base" if step == 0 else f"step {step}", _INK, ImageFont.load_default(14))
        paper.paste(Image.fromarray(image), (left, top + _LABEL_PX))
    buffer = io.BytesIO()
    paper.save(buffer, "JPEG", quality=88)
    return buffer.getvalue()
