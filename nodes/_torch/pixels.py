"""From what a pipeline returns to pixels."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from nodes.sdk import NodeError


def to_pixels(values: NDArray[Any]) -> list[NDArray[Any]]:
    """(T, H, W, 3) floats from 0 to 1 -> T images, (H, W, 3) uint8. Raises NodeError if some are no numbers.

    Half precision overflows in some networks, and with a strong LoRA; the image would be black.
    """
    if not np.isfinite(values).all():
        raise NodeError(
            "the model made values that are not numbers",
            code="node.failed",
            where="params.dtype",
            seen="NaN or infinity",
            allowed="finite values",
            remedy="Use dtype=bfloat16 or float32, which do not overflow, and a weaker LoRA if there is one.",
        )
    return list((values * 255).round().astype(np.uint8))
