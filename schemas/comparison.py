"""Videos side by side: what differs between their runs, their metrics, and what a player needs of each."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from schemas.base import Contract

MOST_VIDEOS = 9


class SpokenWord(Contract):
    """A word or a phoneme with its time."""

    text: str
    start: float = Field(description="Seconds from the start of the video.")
    end: float = Field(description="Seconds from the start of the video.")


class Spoken(Contract):
    """What a video says; without times if the speech has none."""

    text: str
    words: list[SpokenWord] = Field(default_factory=list)
    phonemes: list[SpokenWord] = Field(default_factory=list)


class ComparedVideo(Contract):
    """One of the videos. If it cannot be shown, ``missing`` says why and the digest is empty."""

    given: str = Field(description="As the request names it.")
    label: str = Field(description="What differs from the others, in few words; unique.")
    title: str = Field("", description="Of its run, or the name of its file.")
    missing: str = Field("", description="Why it is not shown; empty if it is.")
    job: str | None = Field(None, description="Null for a file from outside.")
    node: str | None = None
    output: str | None = None
    sha256: str = ""
    media_type: str = ""
    width: int | None = Field(None, description="Pixels.")
    height: int | None = Field(None, description="Pixels.")
    frames: int | None = None
    fps: float | None = None
    duration_s: float | None = None
    audio: bool = False
    spoken: Spoken | None = None
    thumbnail: str = Field("", description="Path of a JPEG.")
    waveform: str = Field("", description="Path of the peaks of its audio; empty without audio.")


class Difference(Contract):
    """A parameter, an input or a part in which the runs differ."""

    name: str = Field(description="node.parameter, or the name of an input or part.")
    values: list[Any] = Field(description="One for each video: number, text or truth value; null where it has none.")


class Interval(Contract):
    """The mean of a metric over runs that differ in nothing but the seed, with its 95 % interval (Student's t)."""

    mean: float
    low: float
    high: float
    runs: int = Field(ge=2)


class ComparedMetric(Contract):
    """One metric of all videos."""

    name: str = Field(description="node.metric, or the time of a job such as compute_seconds.")
    unit: str = ""
    better: Literal["higher", "lower", "neither"] = "neither"
    meaning: str = ""
    values: list[float | None] = Field(description="One for each video.")
    best: list[int] = Field(description="Positions of the best; empty if no direction is better or all are equal.")
    intervals: list[Interval | None] = Field(description="One for each video; null without further seeds.")


class ComparedSeries(Contract):
    """One curve over the frames, of the videos that have it."""

    name: str
    unit: str = ""
    better: Literal["higher", "lower", "neither"] = "neither"
    meaning: str = ""
    of: list[str | None] = Field(description="Digest of the artifact with the values, one for each video.")


class Comparison(Contract):
    """2 to 9 videos side by side."""

    videos: list[ComparedVideo]
    differences: list[Difference]
    metrics: list[ComparedMetric]
    series: list[ComparedSeries]
    notes: list[str] = Field(description="What to know before one compares, in sentences.")
