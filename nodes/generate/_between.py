"""Makes the image between two successive frames of a clip, so that a clip of few frames per second moves smoothly.

Method: dense optical flow (Farnebäck, "Two-Frame Motion Estimation Based on Polynomial Expansion", SCIA 2003, of
OpenCV, licence Apache-2.0) in both directions. Both frames are moved to the time between them, as in Jiang et al.,
"Super SloMo", CVPR 2018, and blended.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

_FLOW_PX = 512  # longer side of the images in which the motion is measured
_OTHER_IMAGE = 25.0  # mean difference of the moved frames, 0 to 255, from which they show different things


class Between:
    """Images between two frames. Keeps the motion of the last pair, because several follow each other."""

    def __init__(self) -> None:
        self._pair: tuple[int, int] | None = None
        self._there: NDArray[Any] = np.empty(0)
        self._back: NDArray[Any] = np.empty(0)

    def image(self, pair: tuple[int, int], a: NDArray[Any], b: NDArray[Any], share: float) -> NDArray[Any]:
        """(H, W, 3) uint8: at ``share`` of the time from frame ``a`` to ``b``; across a cut, the nearer frame.

        Args:
            pair: the numbers of the frames.
        """
        if pair != self._pair:
            self._pair, self._there, self._back = pair, _flow(a, b), _flow(b, a)
        rest = 1 - share
        from_a = _moved(a, -rest * share * self._there + share * share * self._back)
        from_b = _moved(b, rest * rest * self._there - share * rest * self._back)
        if float(cv2.absdiff(from_a, from_b).mean()) > _OTHER_IMAGE:
            return a if share < 0.5 else b
        made: NDArray[Any] = cv2.addWeighted(from_a, rest, from_b, share, 0)
        return made


def _flow(a: NDArray[Any], b: NDArray[Any]) -> NDArray[Any]:
    """(H, W, 2) float32: by how many pixels what is in ``a`` has moved in ``b``."""
    height, width = a.shape[:2]
    scale = min(1.0, _FLOW_PX / max(height, width))
    size = max(1, round(width * scale)), max(1, round(height * scale))
    first, second = (
        cv2.resize(cv2.cvtColor(one, cv2.COLOR_RGB2GRAY), size, interpolation=cv2.INTER_AREA) for one in (a, b)
    )
    unknown: Any = None
    flow = cv2.calcOpticalFlowFarneback(
        first, second, unknown, pyr_scale=0.5, levels=5, winsize=21, iterations=3, poly_n=7, poly_sigma=1.5, flags=0
    )
    grown: NDArray[Any] = cv2.resize(flow, (width, height), interpolation=cv2.INTER_LINEAR)
    return grown * np.array([width / size[0], height / size[1]], np.float32)


def _moved(rgb: NDArray[Any], by: NDArray[Any]) -> NDArray[Any]:
    """The image that has at each pixel what ``rgb`` has ``by`` pixels further."""
    height, width = rgb.shape[:2]
    y, x = np.mgrid[:height, :width].astype(np.float32)
    moved: NDArray[Any] = cv2.remap(
        rgb, x + by[..., 0], y + by[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    return moved
