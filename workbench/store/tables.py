"""The tables of the job store. A change here needs a migration (``workbench/store/migrations``); a test compares them.

Times are UTC seconds since 1970. JSON is text written by orjson, so SQLite and PostgreSQL contain the same bytes. The
submitted graph is stored once and never rewritten; ``node_results`` contains the state of its nodes.
"""

from __future__ import annotations

from typing import Any

import orjson
from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Dialect,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
)

from schemas.status import FINAL_JOB_STATUSES

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)


class Json(TypeDecorator[Any]):
    """A JSON value stored as text; None is NULL."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:
        return to_json(value)

    def process_result_value(self, value: Any, dialect: Dialect) -> Any:
        return from_json(value)


def to_json(value: Any) -> str | None:
    """The text of a JSON column for a value."""
    return None if value is None else orjson.dumps(value).decode()


def from_json(text: str | None) -> Any:
    """The value for the text of a JSON column."""
    return None if text is None else orjson.loads(text)


def _job_column(**options: Any) -> Column[str]:
    return Column("job", String(64), ForeignKey("jobs.id", ondelete="CASCADE"), **options)


jobs = Table(
    "jobs",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("idempotency_key", String(200), unique=True),
    Column("request_hash", String(64), nullable=False),  # identifies the request, to reject a reused key
    Column("graph_hash", String(64), nullable=False),
    Column("owner", String(200), nullable=False),
    Column("pipeline", String(200), nullable=False),
    Column("experiment", String(200), nullable=False),
    Column("workflow_id", String(200), nullable=False),
    Column("seed", BigInteger, nullable=False),
    Column("parent", String(64)),
    Column("sweep", String(64)),
    Column("lane", String(16), nullable=False, server_default="interactive"),
    Column("tags", Json, nullable=False),
    Column("graph", LargeBinary, nullable=False),  # as submitted, UTF-8 JSON
    Column("status", String(16), nullable=False),
    Column("progress", Float, nullable=False),
    Column("error", Json),
    Column("created_at", Float, nullable=False),
    Column("started_at", Float),
    Column("finished_at", Float),
    Column("mlflow_run_id", String(64)),
    Column("tracking", String(16), nullable=False),  # workbench.store.tracking_queue.TrackingState
    Column("tracking_tries", Integer, nullable=False),
    Column("tracking_after", Float, nullable=False),  # time of the next attempt
    Column("tracking_error", Text),
    Index(None, "created_at"),
    Index(None, "status", "created_at"),
    Index(None, "experiment", "created_at"),
    Index(None, "pipeline", "created_at"),
    Index(None, "owner", "created_at"),
    Index(None, "sweep"),
    Index(None, "parent"),
    Index(None, "tracking", "status"),
)
job_is_final = jobs.c.status.in_([status.value for status in FINAL_JOB_STATUSES])

node_results = Table(
    "node_results",
    metadata,
    _job_column(primary_key=True),
    Column("node", String(64), primary_key=True),
    Column("position", Integer, nullable=False),  # in the graph document
    Column("service", String(200), nullable=False),
    Column("version", String(64)),
    Column("plane", String(16), nullable=False),
    Column("share", Float, nullable=False),  # share in the job's progress; the shares of a job add up to 1
    Column("status", String(16), nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("worker", String(200), nullable=False),
    Column("cached", Boolean, nullable=False),
    Column("content_key", String(64), nullable=False),
    Column("seconds", Float),
    Column("cpu_seconds", Float),
    Column("peak_memory_bytes", BigInteger),
    Column("metrics", Json, nullable=False),
    Column("series", Json, nullable=False, server_default="{}"),  # schemas.series.Series
    Column("output", Json),
    Column("error", Json),
    Column("waiting", Json),  # schemas.event.NodeWait while it waits
    Column("started_at", Float),
    Column("finished_at", Float),
    Column("first_part_at", Float),
    Column("part_kind", String(16), nullable=False, server_default=""),
    Column("event_epoch", BigInteger, nullable=False),  # the last event that changed this row
    Column("event_seq", BigInteger, nullable=False),
    Index(None, "content_key"),
)

events = Table(
    "events",
    metadata,
    _job_column(primary_key=True),
    Column("epoch", BigInteger, primary_key=True, autoincrement=False),
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("type", String(32), nullable=False),
    Column("node", String(64), nullable=False),
    Column("data", Json, nullable=False),
    Column("at", Float, nullable=False),
)

# The index of the result cache. It outlives workers, the bus and the jobs that filled it.
computed = Table(
    "computed",
    metadata,
    Column("content_key", String(64), primary_key=True),
    Column("service", String(200), nullable=False),
    Column("version", String(64)),
    Column("output", Json, nullable=False),
    Column("metrics", Json, nullable=False, server_default="{}"),
    Column("seconds", Float, nullable=False),
    Column("created_at", Float, nullable=False),
    Index(None, "service"),
)

artifacts = Table(
    "artifacts",
    metadata,
    Column("sha256", String(64), primary_key=True),
    Column("kind", String(16), nullable=False),
    Column("media_type", String(200), nullable=False),
    Column("size_bytes", BigInteger),
    Column("facts", Json, nullable=False),  # the reference as first recorded
    Column("created_at", Float, nullable=False),
)

# Which job refers to which artifact. Determines who may read it and what a collection must keep.
job_artifacts = Table(
    "job_artifacts",
    metadata,
    _job_column(primary_key=True),
    Column("node", String(64), primary_key=True),
    Column("role", String(8), primary_key=True),  # input | output
    Column("name", String(200), primary_key=True),  # the field, dotted into lists and objects: "video", "parts.0"
    Column("sha256", String(64), nullable=False),
    Index(None, "sha256"),
)

# Who uploaded which file, which permits reading it before any job refers to it.
uploads = Table(
    "uploads",
    metadata,
    Column("owner", String(200), primary_key=True),
    Column("sha256", String(64), primary_key=True),
    Column("facts", Json, nullable=False),  # schemas.upload.Upload, as returned to the user
    Column("created_at", Float, nullable=False),
    Index(None, "sha256"),
)

# Who said that the people in a file agreed to its use. A withdrawn consent stays, so that the file is refused later.
consents = Table(
    "consents",
    metadata,
    Column("owner", String(200), primary_key=True),  # whose jobs it counts for
    Column("sha256", String(64), primary_key=True),  # "": every file of this owner, where nobody logs in
    Column("name", String(200), primary_key=True),  # who said it
    Column("source", String(16), nullable=False),  # schemas.consent.ConsentSource
    Column("text", Text, nullable=False),
    Column("at", Float, nullable=False),
    Column("withdrawn_at", Float),
    Index(None, "sha256"),
    Index(None, "name"),
)

# Files that left the workbench, by the digest of the delivered bytes. They go with their job and with their artifact.
deliveries = Table(
    "deliveries",
    metadata,
    Column("sha256", String(64), primary_key=True),
    Column("artifact", String(64), nullable=False),
    _job_column(),  # None if it was made outside a job
    Column("issuer", String(64), nullable=False),  # SHA-256 of the certificate
    Column("at", Float, nullable=False),
    Index(None, "artifact"),
    Index(None, "job"),
)

# Nodes that failed their last attempt although another could have succeeded, for operators.
dead_letters = Table(
    "dead_letters",
    metadata,
    _job_column(primary_key=True),
    Column("node", String(64), primary_key=True),
    Column("service", String(200), nullable=False),
    Column("version", String(64)),
    Column("code", String(64), nullable=False),
    Column("message", Text, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("worker", String(200), nullable=False),
    Column("at", Float, nullable=False),
    Column("error", Json, nullable=False),  # as in node_results, with the end of the log
    Index(None, "at"),
)

# The parameters of a job's nodes, for filtering lists. Written once, when the job is accepted.
job_params = Table(
    "job_params",
    metadata,
    _job_column(primary_key=True),
    Column("node", String(64), primary_key=True),
    Column("param", String(64), primary_key=True),
    Column("text", Text, nullable=False),  # as a person would write it; long texts are truncated
    Column("number", Float),  # the value of a number or a boolean
    Index(None, "param", "number"),
)

# The metrics of a job's nodes, for filtering and sorting lists. Written with the node's result, also for cache hits.
job_metrics = Table(
    "job_metrics",
    metadata,
    _job_column(primary_key=True),
    Column("node", String(64), primary_key=True),
    Column("metric", String(250), primary_key=True),
    Column("value", Float, nullable=False),
    Index(None, "metric", "value"),
)

# What people think of a job. Its tags are in ``jobs``, where the rule of retention reads them. No row: no mark.
job_marks = Table(
    "job_marks",
    metadata,
    _job_column(primary_key=True),
    Column("starred", Boolean, nullable=False),
    Column("rating", Integer),  # 1 to 5
    Column("author", String(200), nullable=False),  # of the last change
    Column("changed_at", Float, nullable=False),
    Index(None, "rating"),
)

# Filters, columns and order of the list of runs under a name that a user chose.
views = Table(
    "views",
    metadata,
    Column("owner", String(200), primary_key=True),
    Column("name", String(100), primary_key=True),
    Column("filters", Json, nullable=False),  # name of a filter -> its values, as in the address of the list
    Column("columns", Json, nullable=False),
    Column("sort", String(400), nullable=False),
    Column("changed_at", Float, nullable=False),
)

# Parameters of a pipeline under a name that their owner chose.
presets = Table(
    "presets",
    metadata,
    Column("owner", String(200), primary_key=True),
    Column("pipeline", String(200), primary_key=True),
    Column("name", String(100), primary_key=True),
    Column("doc", Text, nullable=False),
    Column("params", Json, nullable=False),
    Column("leave_out", Json, nullable=False),
    Column("changed_at", Float, nullable=False),
)

# People's decisions on nodes that asked them. Stored before they are sent to the bus, and sent again if it loses them.
approvals = Table(
    "approvals",
    metadata,
    _job_column(primary_key=True),
    Column("node", String(64), primary_key=True),
    Column("approved", Boolean, nullable=False),
    Column("text", Text, nullable=False),
    Column("edited", Boolean, nullable=False),
    Column("author", String(200), nullable=False),
    Column("reason", Text, nullable=False),
    Column("at", Float, nullable=False),
    Index(None, "at"),
)

users = Table(
    "users",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("role", String(16), nullable=False),  # schemas.access.Role
    Column("password_hash", String(200), nullable=False),  # workbench.store.passwords
    Column("disabled", Boolean, nullable=False),
    Column("created_at", Float, nullable=False),
)


def _user_column(**options: Any) -> Column[str]:
    return Column("user_name", String(64), ForeignKey("users.name", ondelete="CASCADE"), **options)


# API tokens. Only the SHA-256 of a token is stored, because 256 random bits need no slow hash.
tokens = Table(
    "tokens",
    metadata,
    Column("sha256", String(64), primary_key=True),
    _user_column(nullable=False),
    Column("name", String(64), nullable=False),
    Column("created_at", Float, nullable=False),
    Column("used_at", Float),
    Column("expires_at", Float),
    UniqueConstraint("user_name", "name"),
)

# Logged-in browsers, by the SHA-256 of the id in their cookie.
sessions = Table(
    "sessions",
    metadata,
    Column("sha256", String(64), primary_key=True),
    _user_column(nullable=False),
    Column("created_at", Float, nullable=False),
    Column("expires_at", Float, nullable=False),
    Index(None, "user_name"),
    Index(None, "expires_at"),
)

# MLflow runs whose jobs were deleted. They are deleted, with their files and traces, as soon as MLflow responds.
doomed_runs = Table(
    "doomed_runs",
    metadata,
    Column("id", String(200), primary_key=True),  # of the job, or "sweep <id> <experiment>"
    Column("run_id", String(64)),  # None if no run is known; one may exist with the job's id as a tag
    Column("experiment", String(250), nullable=False),
    Column("at", Float, nullable=False),
)

sweeps = Table(
    "sweeps",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("owner", String(200), nullable=False),
    Column("name", String(200), nullable=False),
    Column("pipeline", String(200), nullable=False),
    Column("experiment", String(200), nullable=False),
    Column("state", String(16), nullable=False),  # schemas.sweep.SweepState
    Column("spec", Json, nullable=False),
    Column("axes", Json, nullable=False),
    Column("plan", Json, nullable=False),
    Column("at_once", Integer, nullable=False),
    Column("revision", Integer, nullable=False),  # rises with each change of its spec or state
    Column("recorded", Integer, nullable=False),  # the revision that its parent run in MLflow shows
    Column("created_at", Float, nullable=False),
    Column("changed_at", Float, nullable=False),
    Index(None, "created_at"),
    Index(None, "owner", "created_at"),
    Index(None, "state"),
)


def _sweep_column(**options: Any) -> Column[str]:
    return Column("sweep", String(64), ForeignKey("sweeps.id", ondelete="CASCADE"), **options)


sweep_cells = Table(
    "sweep_cells",
    metadata,
    _sweep_column(primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),  # stays when the sweep is extended
    Column("position", Integer, nullable=False),  # in the table of its sweep
    Column("at", Json, nullable=False),
    Column("hash", String(64), nullable=False),  # identifies what it computes
    Column("pipeline", String(200), nullable=False),
    Column("graph", LargeBinary, nullable=False),  # as requested, JSON compressed by zlib
    Column("removed", Boolean, nullable=False),  # whether the spec no longer has it
    Column("attempt", Integer, nullable=False),
    Column("job", String(64)),  # no foreign key: a deleted job does not make its cell run again
    Column("error", Json),  # why it could not be accepted
    Index(None, "job"),
    Index(None, "sweep", "position"),
)

# Files that the cells of a sweep use. They are kept like those of jobs, and erasing one erases the sweep.
sweep_files = Table(
    "sweep_files",
    metadata,
    _sweep_column(primary_key=True),
    Column("sha256", String(64), primary_key=True),
    Index(None, "sha256"),
)

# Studies of blind votes. The items are kept as they were, so that votes keep their meaning when a job is deleted.
studies = Table(
    "studies",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("owner", String(200), nullable=False),
    Column("name", String(100), nullable=False),
    Column("experiment", String(200), nullable=False),  # of its run in MLflow
    Column("items", Json, nullable=False),  # schemas.vote.StudyItem
    Column("settings", Json, nullable=False),  # schemas.vote.StudySettings
    Column("state", String(16), nullable=False),  # schemas.vote.StudyState
    Column("created_at", Float, nullable=False),
    Column("results", Json),  # schemas.vote.StudyResults, as last computed
    Column("results_of", Integer, nullable=False),  # the version that they were computed from
    Column("version", Integer, nullable=False),  # raised by each vote, undo and change of state
    Column("recorded", Integer, nullable=False),  # the version whose results MLflow has
    Column("recorded_after", Float, nullable=False),  # time of the next attempt
    Column("mlflow_run_id", String(64)),
    Index(None, "owner", "created_at"),
)


def _study_column(**options: Any) -> Column[str]:
    return Column("study", String(64), ForeignKey("studies.id", ondelete="CASCADE"), **options)


# The pairs that raters were shown, by a random id: the only name that a rater sees.
vote_pairs = Table(
    "vote_pairs",
    metadata,
    Column("id", String(64), primary_key=True),
    _study_column(nullable=False),
    Column("rater", String(200), nullable=False),  # "user NAME", or "link NAME #1"
    Column("left_item", Integer, nullable=False),  # index into the items of the study
    Column("right_item", Integer, nullable=False),
    Column("repeat_of", String(64)),
    Column("shown_at", Float, nullable=False),
    Column("answered_at", Float),
    Column("seconds", Float),
    Index(None, "study", "rater", "answered_at"),
)

votes = Table(
    "votes",
    metadata,
    Column("pair", String(64), ForeignKey("vote_pairs.id", ondelete="CASCADE"), primary_key=True),
    Column("axis", String(40), primary_key=True),
    Column("choice", String(8), nullable=False),  # schemas.vote.Choice
)

# Links for raters without an account. As with API tokens, only the SHA-256 of the secret is stored.
rater_links = Table(
    "rater_links",
    metadata,
    Column("sha256", String(64), primary_key=True),
    _study_column(nullable=False),
    Column("name", String(100), nullable=False),
    Column("created_at", Float, nullable=False),
    Column("expires_at", Float, nullable=False),
    Column("most_pairs", Integer, nullable=False),
    Column("most_raters", Integer, nullable=False),
    Column("revoked", Boolean, nullable=False),
    UniqueConstraint("study", "name"),
)

# Browsers that opened such a link, by the SHA-256 of the id in their cookie.
rater_sessions = Table(
    "rater_sessions",
    metadata,
    Column("sha256", String(64), primary_key=True),
    Column("link", String(64), ForeignKey("rater_links.sha256", ondelete="CASCADE"), nullable=False),
    Column("rater", String(200), nullable=False),
    Column("created_at", Float, nullable=False),
    Index(None, "link"),
)

# Values for the deployment as a whole: its epoch, the MLflow runs of its sweeps.
deployment = Table(
    "bench",
    metadata,
    Column("key", String(200), primary_key=True),
    Column("value", Text, nullable=False),
)
