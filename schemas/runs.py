"""The list of runs as a table: its columns, what people say about runs, actions on many, and saved views."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from schemas.api import JOB_ID_PATTERN
from schemas.base import Contract
from schemas.name import KnownName, Name

MOST_MARKED = 1000
MOST_DELETED = 200

JobId = Annotated[str, Field(pattern=JOB_ID_PATTERN)]
Rating = Annotated[int, Field(ge=1, le=5)]


class KnownColumn(Contract):
    """A parameter or metric that the runs of a list have."""

    id: str = Field(description="For `column` and `sort`, such as `metric:evaluate.wer`.")
    kind: Literal["param", "metric"]
    node: str
    name: str
    title: str = Field("", description="As in the form of the service.")
    type: Literal["number", "boolean", "text"]
    unit: str = ""
    better: Literal["higher", "lower", "neither"] = "neither"
    meaning: str = Field("", description="One sentence; empty if the service is not installed here.")
    count: int = Field(description="Number of runs that have it.")
    varies: bool = Field(description="Whether two of the runs have different values.")
    least: float | None = Field(None, description="The smallest number.")
    most: float | None = Field(None, description="The largest number.")


class KnownColumns(Contract):
    """What a list of runs can show and be filtered by."""

    columns: list[KnownColumn] = Field(description="Those that vary first.")
    tags: list[str] = Field(description="Tags of all runs that the user may see.")


class Marks(Contract):
    """What people say about a job."""

    starred: bool = False
    rating: Rating | None = None
    tags: list[Name] = Field(default_factory=list, max_length=50)


class JobMarks(Marks):
    """The marks of one job. Tags of submitted graphs may be of any form."""

    job_id: str
    tags: list[str] = Field(default_factory=list)


class MarkMany(Contract):
    """One change of the marks of many jobs. What is null or left out stays."""

    jobs: list[JobId] = Field(min_length=1, max_length=MOST_MARKED)
    starred: bool | None = None
    rating: int | None = Field(None, ge=0, le=5, description="1 to 5; 0 removes the rating.")
    add_tags: list[Name] = Field(default_factory=list, max_length=50)
    remove_tags: list[KnownName] = Field(default_factory=list, max_length=50)


class Marked(Contract):
    jobs: list[JobMarks]


class DeleteMany(Contract):
    jobs: list[JobId] = Field(min_length=1, max_length=MOST_DELETED)


class NotDeleted(Contract):
    job_id: str
    reason: str


class DeletedMany(Contract):
    """What was deleted, and why others were not."""

    deleted: list[str]
    left: list[NotDeleted]
    notes: list[str] = Field(default_factory=list, description="Sentences on steps that are still pending.")


class JobIds(Contract):
    """The ids of all runs of a list."""

    jobs: list[str]
    total: int = Field(description="Number of matching runs; larger than the number of ids if there are too many.")


class RunsTable(Contract):
    """Runs as rows."""

    columns: list[str]
    rows: list[list[Any]]


class ViewValues(Contract):
    """What a view of the list shows, as in the address of the page."""

    filters: dict[
        Annotated[str, Field(pattern=r"^[a-z][A-Za-z]{0,30}$")],
        Annotated[list[Annotated[str, Field(max_length=300)]], Field(max_length=20)],
    ] = Field(default_factory=dict, max_length=20)
    columns: list[Annotated[str, Field(max_length=330)]] = Field(default_factory=list, max_length=30)
    sort: str = Field("-created", max_length=340)


class RunsView(ViewValues):
    """A view under the name that its user chose."""

    name: Name


class ViewList(Contract):
    views: list[RunsView]
