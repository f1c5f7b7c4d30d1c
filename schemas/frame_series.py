"""Per-frame series: what a metric is at each frame of a video. docs/compare.md describes the file format."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from schemas.base import Contract

PARQUET = "application/vnd.apache.parquet"
FORMAT = "workbench.series.v1"
MOST_SERIES = 50
MOST_ROWS = 1_000_000


class SeriesFacts(Contract):
    """What one series is."""

    name: str = Field(pattern=r"^[a-z][a-z0-9_]{0,63}$", description="Of its column.")
    unit: str = Field("", max_length=40)
    better: Literal["higher", "lower", "neither"] = "neither"
    meaning: str = Field("", max_length=300, description="One short sentence.")


class SeriesValues(SeriesFacts):
    """One series with its values."""

    values: list[float | None] = Field(description="One for each row; null where it was not measured.")


class FrameSeries(Contract):
    """Series over the frames of one video. Not every frame need have a row."""

    frames: list[int] = Field(description="Number of the frame, from 0, in the order in which they are shown.")
    times_s: list[float] = Field(description="When the frame is shown, in seconds from the first.")
    series: list[SeriesValues]
