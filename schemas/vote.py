"""Blind votes: studies, what a rater sees, and what the votes show."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from schemas.api import JobId
from schemas.base import Contract
from schemas.name import Name, new_name

MAX_ITEMS = 100
AXES = ("lip sync", "naturalness", "likeness", "overall")
STUDY_ID_PATTERN = r"^[a-z0-9]{16}$"
SECRET_PATTERN = r"^[A-Za-z0-9_-]{16,64}$"

Axis = Annotated[str, Field(max_length=40), AfterValidator(new_name)]


class Choice(StrEnum):
    """A vote on one axis."""

    LEFT = "left"
    TIE = "tie"
    RIGHT = "right"


class Side(StrEnum):
    LEFT = "left"
    RIGHT = "right"


class StudyState(StrEnum):
    OPEN = "open"
    CLOSED = "closed"  # no more votes; everything stays


class StudySettings(Contract):
    """How a study asks."""

    axes: list[Axis] = Field(default_factory=lambda: list(AXES), min_length=1, max_length=8)
    question: str = Field("", max_length=500, description="What raters read first. They see it, so name no method.")
    pairs: int = Field(30, ge=1, le=1000, description="Pairs that each rater is asked for.")
    repeats: float = Field(0.1, ge=0, le=0.5, description="Share of pairs that come again, with the sides swapped.")
    interval: Literal["auto", "votes", "raters"] = Field("auto", description="What the bootstrap draws.")


class StudyRequest(Contract):
    """A new study, from jobs or a sweep."""

    name: Name
    jobs: list[JobId] = Field(default_factory=list, max_length=MAX_ITEMS)
    sweep: str | None = Field(None, max_length=64, description="All completed jobs of this sweep.")
    labels: dict[str, str] = Field(default_factory=dict, description="job -> label; by default what differs.")
    settings: StudySettings = Field(default_factory=StudySettings)


class StudyItem(Contract):
    """One of the compared videos."""

    job: str
    sha256: str = Field(description="Digest of its video.")
    label: str = Field(description="For the owner. Raters never see it.")
    gone: bool = Field(False, description="Whether the job was deleted. Its votes stay, and it is shown no more.")


class StudyLine(Contract):
    """A study in a list."""

    id: str
    name: str
    owner: str
    state: StudyState
    created: float = Field(description="UTC, seconds since 1970.")
    items: int
    pairs: int = Field(description="Answered pairs.")
    raters: int
    axes: list[str]


class StudyList(Contract):
    """Studies, newest first."""

    studies: list[StudyLine]
    total: int


class RankedItem(Contract):
    """An item's place on one axis."""

    item: int = Field(description="Index into the items of the study.")
    rank: int = Field(description="By the lower end of the interval; 0 without votes.")
    strength: float = Field(description="Bradley–Terry, logarithmic, mean 0 over the items.")
    low: float | None = Field(None, description="Of the 95 % interval.")
    high: float | None = None
    votes: int
    wins: float = Field(description="Share of its votes that it won; a tie counts half.")


class MetricCorrelation(Contract):
    """How a metric goes with the votes on an axis."""

    metric: str = Field(description="node.metric")
    better: str = Field("", description="higher or lower, if its service declares it.")
    rho: float = Field(description="Spearman's correlation with the strengths.")
    low: float | None = Field(None, description="Of the 95 % interval; null for fewer than 4 items.")
    high: float | None = None
    items: int


class AxisResult(Contract):
    """What the votes on one axis show."""

    axis: str
    votes: int
    ranking: list[RankedItem] = Field(description="Best first.")
    drawn: str = Field(description="What the bootstrap drew: votes or raters.")
    alpha: float | None = Field(None, description="Krippendorff's alpha between raters; null without shared pairs.")
    shared_pairs: int = Field(description="Pairs on which two or more raters voted.")
    consistency: float | None = Field(None, description="Share of repeated pairs with the same vote.")
    repeats: int
    correlations: list[MetricCorrelation]


class StudyResults(Contract):
    """What the votes of a study show."""

    axes: list[AxisResult]
    pairs: int
    raters: int
    seconds_a_pair: float | None = Field(None, description="Median time that raters took.")


class RaterLink(Contract):
    """A link for raters without an account, without its secret: only the hash is stored."""

    name: str
    created: float
    expires: float
    most_pairs: int = Field(description="Pairs that may be answered with it, by all its raters together.")
    most_raters: int = Field(description="Browsers that may use it.")
    answered: int
    raters: int = Field(description="Browsers that have opened it.")
    revoked: bool


class LinkRequest(Contract):
    """A new link."""

    name: Name
    expires_in_s: float = Field(14 * 86400.0, gt=0, le=366 * 86400)
    most_pairs: int | None = Field(None, ge=1, le=100_000, description="By default enough for all its raters.")
    most_raters: int = Field(1, ge=1, le=1000)


class NewRaterLink(RaterLink):
    """A new link. Its secret is shown only once."""

    token: str
    path: str = Field(description="Path and query on this server.")


class StudyInFull(StudyLine):
    """A study with its results."""

    settings: StudySettings
    contents: list[StudyItem]
    results: StudyResults
    links: list[RaterLink]
    may_change: bool
    mlflow_run: str | None = Field(None, description="Path of the study's run in MLflow, once it is recorded.")


class RawVote(Contract):
    """One vote, as exported."""

    pair: str
    rater: str
    axis: str
    left: str = Field(description="Label of the item on the left.")
    right: str
    left_job: str
    right_job: str
    choice: Choice
    at: float
    seconds: float | None = Field(description="From showing the pair to the answer.")
    repeat_of: str | None = Field(None, description="The pair that this one repeats.")


class StudyExport(Contract):
    """All votes of a study."""

    study: StudyLine
    items: list[StudyItem]
    votes: list[RawVote]


# -- what a rater sees: nothing here may tell one run from another ---------------------------------------------------


class PairOnShow(Contract):
    """Two videos under names that say nothing."""

    pair: str
    left: str = Field(description="Path of the video on the left.")
    right: str


class VotingState(Contract):
    """What a rater sees of a study."""

    question: str
    axes: list[str]
    answered: int = Field(description="Pairs that this rater has answered.")
    wanted: int = Field(description="Pairs that this rater is asked for.")
    may_undo: bool
    closed: bool = False
    reason: str = Field("", description="Why there is no pair, if there is none.")
    pair: PairOnShow | None = None


class Ballot(Contract):
    """A rater's answer to a pair."""

    pair: str = Field(pattern=SECRET_PATTERN)
    choices: dict[str, Choice] = Field(min_length=1, max_length=8, description="axis -> choice, for all axes.")
    seconds: float | None = Field(None, ge=0, le=86400)
