"""What a metric is: its unit, which direction is better, and what it means."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from schemas.base import Contract


class Metric(Contract):
    """A metric as the service declares it that records it."""

    name: str = Field(description="As recorded, such as `word_error_rate`.")
    unit: str = Field("", description="Such as `ms`; empty for a number without unit.")
    better: Literal["higher", "lower", "neither"] = Field(description="The direction that is better, if there is one.")
    meaning: str = Field(description="One short sentence.")
    series: bool = Field(False, description="Whether it is measured over steps, and shown as a curve.")
    axis: str = Field("step", description="What the steps of a series count, in the singular.")

    @property
    def direction(self) -> str:
        """The better direction in a word; "" if neither is better."""
        return "" if self.better == "neither" else self.better
