"""How the time of a service grows with the length of a job: a fixed part, and a part for each second of audio or video.

A service whose inputs and outputs contain no audio and no video, such as an LLM or an upscaler of images, has a fixed
time: the median of its past runs. For the others:

- If the past jobs differ in length by a factor of two, a line through their times (Theil-Sen: the median of the slopes
  between all pairs, which one slow run does not move).
- Otherwise their times are taken as proportional to the length. This overestimates a long job if all
  past ones were short, because the time to load a model is multiplied too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from statistics import median

from workbench.store.typical import PastRun

APART = 2.0  # the factor between the lengths of past jobs from which a line through them is meaningful


@dataclass(frozen=True)
class Pace:
    """The expected time of a node: ``fixed_s + per_second * length``.

    Attributes:
        usual_length_s: the median length of the past jobs, for a job whose length is not known.
        longest_s: the length of the longest of them; 0 if none has one.
        jobs: the jobs whose runs it is based on.
    """

    fixed_s: float
    per_second: float = 0.0
    usual_length_s: float = 0.0
    longest_s: float = 0.0
    jobs: frozenset[str] = frozenset()

    @classmethod
    def of(cls, runs: Sequence[PastRun], *, grows: bool) -> Pace | None:
        """The pace of the past runs of a service; None without any.

        Args:
            grows: whether its time depends on the length of the job.
        """
        if not runs:
            return None
        jobs = frozenset(run.job for run in runs)
        timed = [(run.length_s, run.seconds) for run in runs if run.length_s]
        if not grows or not timed:
            return cls(median(run.seconds for run in runs), jobs=jobs)
        lengths = [length_s for length_s, _ in timed]
        fixed_s, per_second = _line(timed)
        return cls(fixed_s, per_second, median(lengths), max(lengths), jobs)

    def seconds(self, length_s: float | None) -> float:
        """The expected time for a job of this length; None: of the usual length."""
        return self.fixed_s + self.per_second * (self.usual_length_s if length_s is None else length_s)


def _line(timed: Sequence[tuple[float, float]]) -> tuple[float, float]:
    """The fixed part and the slope; both at least 0."""
    lengths = [length_s for length_s, _ in timed]
    if max(lengths) >= APART * min(lengths):
        slopes = [(b[1] - a[1]) / (b[0] - a[0]) for a, b in combinations(timed, 2) if a[0] != b[0]]
        slope = max(0.0, median(slopes))
        fixed_s = median(seconds - slope * length_s for length_s, seconds in timed)
        if fixed_s >= 0:
            return fixed_s, slope
    return 0.0, median(seconds / length_s for length_s, seconds in timed)
