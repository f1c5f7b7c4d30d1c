"""Studies, the pairs that raters saw, and their votes, in SQL."""

from __future__ import annotations

import secrets
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, RowMapping, and_, delete, func, insert, select, true, update

from schemas.errors import WorkbenchError
from schemas.vote import Choice, StudyItem, StudyResults, StudySettings, StudyState
from workbench.store.database import Database
from workbench.store.tables import studies, vote_pairs, votes


@dataclass(frozen=True)
class Study:
    """A study as stored. ``version`` grows with each vote; ``results`` are those of the version ``results_of``."""

    id: str
    owner: str
    name: str
    experiment: str
    items: tuple[StudyItem, ...]
    settings: StudySettings
    state: StudyState
    created_at: float
    version: int
    results_of: int
    results: StudyResults | None
    mlflow_run_id: str | None


@dataclass(frozen=True)
class ShownPair:
    """A pair that a rater saw or sees; the items are indexes."""

    id: str
    study: str
    rater: str
    left: int
    right: int
    repeat_of: str | None
    shown_at: float
    answered_at: float | None
    seconds: float | None


class Votes:
    """The votes of a deployment. Thread-safe; every method is one blocking transaction.

    All methods raise WorkbenchError: sql.unreachable, home.disk_full, home.not_writable.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    # -- studies ----------------------------------------------------------------------------------------------------

    def create(
        self, owner: str, name: str, experiment: str, items: Sequence[StudyItem], settings: StudySettings
    ) -> Study:
        row = {
            "id": secrets.token_hex(8),
            "owner": owner,
            "name": name,
            "experiment": experiment,
            "items": [one.model_dump(mode="json", exclude={"gone"}) for one in items],
            "settings": settings.model_dump(mode="json"),
            "state": StudyState.OPEN.value,
            "created_at": time.time(),
            "results": None,
            "results_of": -1,
            "version": 0,
            "recorded": -1,
            "recorded_after": 0.0,
            "mlflow_run_id": None,
        }
        self._database.change(insert(studies).values(**row))
        return study_of_row(row)

    def get(self, study: str) -> Study | None:
        rows = self._database.mappings(select(studies).where(studies.c.id == study))
        return study_of_row(rows[0]) if rows else None

    def list(self, owner: str | None, limit: int, offset: int) -> tuple[Sequence[Study], int]:
        """The studies of an owner (None: of all), newest first, and how many there are."""
        mine: ColumnElement[bool] = true() if owner is None else studies.c.owner == owner
        order = (studies.c.created_at.desc(), studies.c.id)
        found = self._database.mappings(select(studies).where(mine).order_by(*order).limit(limit).offset(offset))
        total = self._database.scalar(select(func.count()).select_from(studies).where(mine)) or 0
        return [study_of_row(row) for row in found], total

    def counts(self, ids: Sequence[str]) -> dict[str, tuple[int, int]]:
        """study -> (answered pairs, raters)."""
        columns = vote_pairs.c
        statement = (
            select(columns.study, func.count(), func.count(columns.rater.distinct()))
            .where(columns.study.in_(ids), columns.answered_at.is_not(None))
            .group_by(columns.study)
        )
        return {row[0]: (row[1], row[2]) for row in self._database.rows(statement)}

    def set_state(self, study: str, state: StudyState) -> None:
        change = {"state": state.value, "version": studies.c.version + 1}
        self._database.change(
            update(studies).where(studies.c.id == study, studies.c.state != state.value).values(**change)
        )

    def keep_results(self, study: str, version: int, results: StudyResults) -> None:
        """Keep the results of a version, unless newer ones are there."""
        here = and_(studies.c.id == study, studies.c.results_of < version)
        self._database.change(
            update(studies).where(here).values(results=results.model_dump(mode="json"), results_of=version)
        )

    def remove(self, study: str) -> str | None:
        """Remove a study with all its votes. Returns the id of its run in MLflow, if there is one."""
        with self._database.write() as connection:
            run = connection.execute(select(studies.c.mlflow_run_id).where(studies.c.id == study)).scalar()
            connection.execute(delete(studies).where(studies.c.id == study))
        return run

    # -- pairs and votes ----------------------------------------------------------------------------------------------

    def pairs(self, study: str) -> Sequence[ShownPair]:
        """All pairs, also those on show now, in the order in which they were shown."""
        columns = vote_pairs.c
        statement = select(vote_pairs).where(columns.study == study).order_by(columns.shown_at, columns.id)
        return [_pair(row) for row in self._database.rows(statement)]

    def choices(self, study: str) -> dict[str, dict[str, Choice]]:
        """pair -> axis -> choice"""
        statement = (
            select(votes.c.pair, votes.c.axis, votes.c.choice)
            .join(vote_pairs, vote_pairs.c.id == votes.c.pair)
            .where(vote_pairs.c.study == study)
        )
        found: dict[str, dict[str, Choice]] = {}
        for pair, axis, choice in self._database.rows(statement):
            found.setdefault(pair, {})[axis] = Choice(choice)
        return found

    def on_show(self, study: str, rater: str) -> ShownPair | None:
        """The pair that the rater has on show."""
        with self._database.read() as connection:
            return _open_pair(connection, study, rater)

    def show(self, study: str, rater: str, left: int, right: int, repeat_of: str | None) -> ShownPair:
        """Put a pair on show. A rater has one at most: if another request was faster, its pair is returned."""
        with self._database.write() as connection:
            _lock(connection, study)
            if (known := _open_pair(connection, study, rater)) is not None:
                return known
            new = ShownPair(secrets.token_urlsafe(18), study, rater, left, right, repeat_of, time.time(), None, None)
            connection.execute(insert(vote_pairs).values(**_row(new)))
        return new

    def withdraw(self, pair: str) -> None:
        """Take a pair off that nobody answered."""
        here = and_(vote_pairs.c.id == pair, vote_pairs.c.answered_at.is_(None))
        self._database.change(delete(vote_pairs).where(here))

    def find(self, pair: str) -> ShownPair | None:
        rows = self._database.rows(select(vote_pairs).where(vote_pairs.c.id == pair))
        return _pair(rows[0]) if rows else None

    def answer(self, pair: ShownPair, choices: Mapping[str, Choice], seconds: float | None) -> bool:
        """Keep an answer. A repeat of the same answer changes nothing. Returns False if there is another one.

        Raises WorkbenchError: study.closed; vote.unknown if the pair was taken off meanwhile.
        """
        with self._database.write() as connection:
            state = _lock(connection, pair.study)
            now = connection.execute(select(vote_pairs.c.answered_at).where(vote_pairs.c.id == pair.id)).first()
            if now is None:
                raise unknown_pair(pair.id)
            if now.answered_at is not None:
                there = connection.execute(select(votes.c.axis, votes.c.choice).where(votes.c.pair == pair.id)).all()
                return {row.axis: row.choice for row in there} == {axis: one.value for axis, one in choices.items()}
            if state != StudyState.OPEN.value:
                raise WorkbenchError("study.closed", "the study is closed", remedy="All earlier votes are kept.")
            rows = [{"pair": pair.id, "axis": axis, "choice": one.value} for axis, one in choices.items()]
            connection.execute(insert(votes), rows)
            answered = {"answered_at": time.time(), "seconds": seconds}
            connection.execute(update(vote_pairs).where(vote_pairs.c.id == pair.id).values(**answered))
            _touch(connection, pair.study)
        return True

    def undo(self, study: str, rater: str) -> ShownPair | None:
        """Put the rater's last answered pair on show again, without its votes. Returns None if there is none."""
        columns = vote_pairs.c
        mine = and_(columns.study == study, columns.rater == rater)
        with self._database.write() as connection:
            _lock(connection, study)
            last = connection.execute(
                select(vote_pairs)
                .where(mine, columns.answered_at.is_not(None))
                .order_by(columns.answered_at.desc())
                .limit(1)
            ).first()
            if last is None:
                return None
            connection.execute(delete(vote_pairs).where(mine, columns.answered_at.is_(None)))
            connection.execute(delete(votes).where(votes.c.pair == last.id))
            again = {"answered_at": None, "seconds": None, "shown_at": time.time()}
            connection.execute(update(vote_pairs).where(columns.id == last.id).values(**again))
            _touch(connection, study)
        return self.find(last.id)


def unknown_pair(pair: str) -> WorkbenchError:
    """The error for a pair that the rater does not have on show."""
    return WorkbenchError(
        "vote.unknown",
        "this pair is not on show",
        seen=pair[:64],
        remedy="Load the page again: it shows the next pair. All earlier votes are kept.",
    )


def _lock(connection: Connection, study: str) -> str | None:
    """Wait for other changes to the study, and return its state. SQLite locks the whole database at the beginning."""
    state: str | None = connection.execute(
        select(studies.c.state).where(studies.c.id == study).with_for_update()
    ).scalar()
    return state


def _touch(connection: Connection, study: str) -> None:
    connection.execute(update(studies).where(studies.c.id == study).values(version=studies.c.version + 1))


def _open_pair(connection: Connection, study: str, rater: str) -> ShownPair | None:
    columns = vote_pairs.c
    mine = and_(columns.study == study, columns.rater == rater, columns.answered_at.is_(None))
    found = connection.execute(select(vote_pairs).where(mine).limit(1)).first()
    return None if found is None else _pair(found)


def study_of_row(row: Mapping[str, Any] | RowMapping) -> Study:
    """A study from its row."""
    return Study(
        id=row["id"],
        owner=row["owner"],
        name=row["name"],
        experiment=row["experiment"],
        items=tuple(StudyItem.model_validate(one) for one in row["items"]),
        settings=StudySettings.model_validate(row["settings"]),
        state=StudyState(row["state"]),
        created_at=row["created_at"],
        version=row["version"],
        results_of=row["results_of"],
        results=StudyResults.model_validate(row["results"]) if row["results"] else None,
        mlflow_run_id=row["mlflow_run_id"],
    )


def _pair(row: Row[Any]) -> ShownPair:
    return ShownPair(
        id=row.id,
        study=row.study,
        rater=row.rater,
        left=row.left_item,
        right=row.right_item,
        repeat_of=row.repeat_of,
        shown_at=row.shown_at,
        answered_at=row.answered_at,
        seconds=row.seconds,
    )


def _row(pair: ShownPair) -> dict[str, Any]:
    own = dict(vars(pair))
    own["left_item"], own["right_item"] = own.pop("left"), own.pop("right")
    return own
