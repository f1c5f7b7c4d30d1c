"""Parameter sets that come with the pipelines."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class ShippedPreset:
    """Parameters under a name."""

    name: str
    doc: str
    params: dict[str, dict[str, Any]]
    leave_out: tuple[str, ...] = field(default=())


SHIPPED: dict[str, tuple[ShippedPreset, ...]] = {
    "talking_head": (
        ShippedPreset(
            "Calm",
            "A still head and a quiet face, as in the news.",
            {"animate": {"sway": 0.4, "expression": 0.2, "blinks_per_minute": 10.0}},
        ),
        ShippedPreset(
            "Lively",
            "More movement of head, brows and cheeks.",
            {"animate": {"sway": 1.5, "expression": 0.9, "blinks_per_minute": 18.0}},
        ),
        ShippedPreset(
            "Sharp 1024",
            "Four times the pixels: 1024 x 1024 from an upscaled portrait; takes about four times as long.",
            {"animate": {"size": 1024}, "upscale": {"scale": 4}},
        ),
    ),
}
