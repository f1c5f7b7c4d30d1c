"""Examples to click: they fill the form, and one more click makes a video."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Example:
    title: str
    doc: str
    prompt: str = ""
    script: str = ""
    approve: bool = False
    params: dict[str, dict[str, Any]] = field(default_factory=dict)


EXAMPLES = (
    Example(
        "A first video",
        "The sample portrait explains something; a model writes the text.",
        prompt="Explain in three short sentences why the sky is blue.",
    ),
    Example(
        "Your own words, calmly",
        "A text of your own, a quiet head, a slower voice.",
        script="Good morning. The experiment ran through the night, and every figure is in its place.",
        params={"animate": {"sway": 0.4, "expression": 0.3}, "speech": {"speed": 0.9}},
    ),
    Example(
        "Ask me first",
        "The job stops when the text is written, until you have approved it.",
        prompt="Introduce a small museum of clocks in two sentences.",
        approve=True,
    ),
)
