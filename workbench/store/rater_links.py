"""Links for raters without an account, and the browsers that opened them, in SQL.

A link has a secret of 256 random bits; only its SHA-256 is stored. A browser that opens it gets a secret of its own in
a cookie, so that the link itself appears in no later address, and so that a link for one rater works in one browser.
"""

from __future__ import annotations

import hashlib
import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, Row, and_, func, insert, select, update

from schemas.errors import WorkbenchError
from schemas.vote import NewRaterLink, RaterLink
from workbench.store.database import Database
from workbench.store.tables import rater_links, rater_sessions, vote_pairs

_ASK = "Ask the person who sent it for a new one. Votes that you have given are kept."


@dataclass(frozen=True)
class LinkedRater:
    """A rater who came by a link."""

    study: str
    rater: str
    pairs_left: int  # of the link


class RaterLinks:
    """Thread-safe; every method is one blocking transaction.

    All methods raise WorkbenchError: sql.unreachable, home.disk_full, home.not_writable.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, study: str, name: str, *, lasts_s: float, most_pairs: int, most_raters: int) -> NewRaterLink:
        """A new link. Raises WorkbenchError (rater_link.exists)."""
        token, now = secrets.token_urlsafe(32), time.time()
        row = {
            "sha256": _digest(token),
            "study": study,
            "name": name,
            "created_at": now,
            "expires_at": now + lasts_s,
            "most_pairs": most_pairs,
            "most_raters": most_raters,
            "revoked": False,
        }
        columns = rater_links.c
        with self._database.write() as connection:
            if connection.execute(select(columns.name).where(columns.study == study, columns.name == name)).first():
                raise WorkbenchError(
                    "rater_link.exists",
                    f"the study has a link {name} already",
                    where="name",
                    seen=name,
                    remedy="Choose another name.",
                )
            connection.execute(insert(rater_links).values(**row))
            [made] = _shown(connection, study, name)
        return NewRaterLink(**made.model_dump(), token=token, path=f"/vote?link={token}")

    def of(self, study: str) -> Sequence[RaterLink]:
        """The links of a study, oldest first."""
        with self._database.read() as connection:
            return _shown(connection, study)

    def revoke(self, study: str, name: str) -> None:
        """End a link at once, also for browsers that opened it. Raises WorkbenchError (rater_link.unknown)."""
        here = and_(rater_links.c.study == study, rater_links.c.name == name)
        if not self._database.change(update(rater_links).where(here).values(revoked=True)):
            raise WorkbenchError(
                "rater_link.unknown", f"the study has no link {name}", where="name", remedy="Correct the name."
            )

    def open(self, token: str, session: str = "") -> str:
        """The secret of a browser that opens a link: a new one, or ``session`` if it belongs to the link already.

        Raises WorkbenchError: rater_link.unknown, rater_link.ended, rater_link.in_use.
        """
        with self._database.write() as connection:
            link = connection.execute(
                select(rater_links).where(rater_links.c.sha256 == _digest(token)).with_for_update()
            ).first()
            if link is None:
                raise unknown_link()
            _check(link)
            mine = and_(rater_sessions.c.link == link.sha256, rater_sessions.c.sha256 == _digest(session))
            if session and connection.execute(select(rater_sessions.c.rater).where(mine)).first():
                return session
            count = connection.execute(
                select(func.count()).select_from(rater_sessions).where(rater_sessions.c.link == link.sha256)
            ).scalar_one()
            if count >= link.most_raters:
                raise WorkbenchError(
                    "rater_link.in_use",
                    "this link is in use in another browser"
                    if link.most_raters == 1
                    else f"this link is in use in {count} browsers, as many as it allows",
                    allowed=f"{link.most_raters} browser{'' if link.most_raters == 1 else 's'}",
                    remedy=f"Go on in the browser that opened it first. {_ASK}",
                )
            new = secrets.token_urlsafe(32)
            connection.execute(
                insert(rater_sessions).values(
                    sha256=_digest(new),
                    link=link.sha256,
                    rater=f"link {link.name} #{count + 1}",
                    created_at=time.time(),
                )
            )
        return new

    def rater(self, session: str) -> LinkedRater:
        """The rater of a browser. Raises WorkbenchError: rater_link.unknown; rater_link.ended if it has expired or was
        revoked. A link whose pairs are all answered is no error here."""
        with self._database.read() as connection:
            found = connection.execute(
                select(rater_links, rater_sessions.c.rater)
                .join(rater_sessions, rater_sessions.c.link == rater_links.c.sha256)
                .where(rater_sessions.c.sha256 == _digest(session))
            ).first()
            if found is None:
                raise unknown_link()
            _check(found)
            return LinkedRater(found.study, found.rater, found.most_pairs - _answered(connection, found.sha256))

    def knows(self, session: str) -> bool:
        """Whether a browser opened a link, whatever has become of it."""
        mine = select(rater_sessions.c.rater).where(rater_sessions.c.sha256 == _digest(session))
        return self._database.scalar(mine) is not None


def unknown_link() -> WorkbenchError:
    """The error for a token or cookie that no link has."""
    return WorkbenchError(
        "rater_link.unknown",
        "this link is not valid",
        remedy="Check that the address is complete, or ask the person who sent it for a new one.",
    )


def _check(link: Row[tuple[object, ...]]) -> None:
    why = "was revoked" if link.revoked else "has expired" if link.expires_at <= time.time() else ""
    if why:
        raise WorkbenchError("rater_link.ended", f"this link {why}", remedy=_ASK)


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "replace")).hexdigest()


def _answered(connection: Connection, link: str) -> int:
    """The number of pairs that the raters of a link have answered."""
    statement = (
        select(func.count())
        .select_from(vote_pairs)
        .join(rater_links, rater_links.c.study == vote_pairs.c.study)
        .join(
            rater_sessions,
            and_(rater_sessions.c.link == rater_links.c.sha256, rater_sessions.c.rater == vote_pairs.c.rater),
        )
        .where(rater_links.c.sha256 == link, vote_pairs.c.answered_at.is_not(None))
    )
    return connection.execute(statement).scalar_one()


def _shown(connection: Connection, study: str, name: str | None = None) -> list[RaterLink]:
    columns = rater_links.c
    wanted = and_(columns.study == study, columns.name == name) if name else columns.study == study
    raters = select(rater_sessions.c.link, func.count().label("raters")).group_by(rater_sessions.c.link).subquery()
    rows = connection.execute(
        select(rater_links, func.coalesce(raters.c.raters, 0).label("raters"))
        .join(raters, raters.c.link == columns.sha256, isouter=True)
        .where(wanted)
        .order_by(columns.created_at)
    ).all()
    return [
        RaterLink(
            name=row.name,
            created=row.created_at,
            expires=row.expires_at,
            most_pairs=row.most_pairs,
            most_raters=row.most_raters,
            answered=_answered(connection, row.sha256),
            raters=row.raters,
            revoked=row.revoked,
        )
        for row in rows
    ]
