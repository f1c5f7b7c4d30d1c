"""Users, their API tokens and their browser sessions in SQL.

A reader of these tables cannot log in with their contents: passwords are stored as argon2id hashes, and random tokens
and session ids only as their SHA-256.
"""

from __future__ import annotations

import contextlib
import hashlib
import re
import secrets
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, delete, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from schemas.access import USER_NAME, NewToken, Role, TokenInfo, UserInfo
from schemas.errors import WorkbenchError
from workbench.store.database import Database
from workbench.store.passwords import hash_password, needs_new_hash, password_matches
from workbench.store.tables import sessions, tokens, users

TOKEN_PREFIX = "wb_"  # lets scanners for leaked secrets recognise a token
SESSION_S = 7 * 24 * 3600.0
MIN_PASSWORD, MAX_PASSWORD = 10, 1000  # characters
RESERVED = "local"  # the owner of everything created without a login
_USED_EVERY_S = 60.0


@dataclass(frozen=True)
class AuthenticatedUser:
    """The user that a password, token or session belongs to."""

    name: str
    role: Role


class Users:
    """The users of a deployment. Thread-safe; every method is one or two blocking transactions.

    All methods raise WorkbenchError: sql.unreachable, home.disk_full, home.not_writable.

    Args:
        clock: seconds since 1970.
    """

    def __init__(self, database: Database, clock: Callable[[], float] = time.time) -> None:
        self._database = database
        self._clock = clock

    # Users

    def add(self, name: str, role: Role, password: str) -> UserInfo:
        """Create a user. Takes 80 ms for the hash. Raises WorkbenchError: user.invalid, user.exists."""
        _check_name(name)
        values = {"name": name, "role": role.value, "password_hash": _hashed(password), "disabled": False}
        try:
            self._database.change(insert(users).values(**values, created_at=self._clock()))
        except IntegrityError:
            raise WorkbenchError(
                "user.exists",
                f"the user {name} already exists",
                where=name,
                remedy="Choose another name, or set a new password: `workbench user password NAME`.",
            ) from None
        return self.get(name)

    def get(self, name: str) -> UserInfo:
        """The user with this name. Raises WorkbenchError (user.unknown)."""
        found = [user for user in self.list() if user.name == name]
        if not found:
            raise _unknown(name)
        return found[0]

    def list(self) -> Sequence[UserInfo]:
        """All users, ordered by name."""

        def of_user(table: Any, *conditions: Any) -> Any:
            mine = select(func.count()).select_from(table).where(table.c.user_name == users.c.name, *conditions)
            return mine.scalar_subquery()

        open_sessions = of_user(sessions, sessions.c.expires_at > self._clock())
        statement = select(
            *(users.c[name] for name in ("name", "role", "disabled", "created_at")),
            of_user(tokens).label("tokens"),
            open_sessions.label("sessions"),
        )
        found = self._database.mappings(statement.order_by(users.c.name))
        return [UserInfo.model_validate(dict(row)) for row in found]

    def any_enabled(self) -> bool:
        """Whether any user can log in."""
        with self._database.read() as connection:
            return (
                connection.execute(select(users.c.name).where(users.c.disabled.is_(False)).limit(1)).first() is not None
            )

    def set_role(self, name: str, role: Role) -> UserInfo:
        """Set the role, effective from the user's next request. Raises WorkbenchError (user.unknown)."""
        with self._database.write() as connection:
            _change(connection, name, role=role.value)
        return self.get(name)

    def set_password(self, name: str, password: str) -> UserInfo:
        """Set the password and end all browser sessions of the user; tokens remain valid.

        Raises WorkbenchError: user.unknown, user.invalid.
        """
        hashed = _hashed(password)
        with self._database.write() as connection:
            _change(connection, name, password_hash=hashed)
            connection.execute(delete(sessions).where(sessions.c.user_name == name))
        return self.get(name)

    def set_disabled(self, name: str, disabled: bool) -> UserInfo:
        """Disable or enable the user; browser sessions end in both cases. Raises WorkbenchError (user.unknown)."""
        with self._database.write() as connection:
            _change(connection, name, disabled=disabled)
            connection.execute(delete(sessions).where(sessions.c.user_name == name))
        return self.get(name)

    def remove(self, name: str) -> None:
        """Remove a user with tokens and sessions; jobs keep the name. Raises WorkbenchError (user.unknown)."""
        with self._database.write() as connection:
            if connection.execute(delete(users).where(users.c.name == name)).rowcount == 0:
                raise _unknown(name)

    # Passwords and sessions

    def log_in(self, name: str, password: str) -> str | None:
        """The id of a new browser session; None if the name or password is wrong or the user is disabled.

        A name that does not exist takes the same time. Takes 46 MiB and 80 ms, so callers limit concurrent calls. A
        hash in an earlier format is replaced.
        """
        found = None
        if re.fullmatch(USER_NAME, name):
            statement = select(users.c.password_hash, users.c.disabled).where(users.c.name == name)
            with self._database.read() as connection:
                found = connection.execute(statement).first()
        right = len(password) <= MAX_PASSWORD and password_matches(password, found.password_hash if found else None)
        if found is None or not right or found.disabled:
            return None
        session, now = secrets.token_urlsafe(32), self._clock()
        kept = hash_password(password) if needs_new_hash(found.password_hash) else found.password_hash
        with self._database.write() as connection:
            connection.execute(delete(sessions).where(sessions.c.expires_at <= now))
            # Only if the hash has not changed since the comparison. Another login may have replaced it, or the password
            # may have changed; comparing again with the stored hash distinguishes the two.
            same = (users.c.name == name) & (users.c.password_hash == found.password_hash)
            changed = update(users).where(same, users.c.disabled.is_(False)).values(password_hash=kept)
            unchanged = connection.execute(changed).rowcount == 1
            row = {"sha256": _digest(session), "user_name": name, "created_at": now, "expires_at": now + SESSION_S}
            if unchanged:
                connection.execute(insert(sessions).values(row))
        return session if unchanged else self.log_in(name, password)

    def of_session(self, session: str) -> AuthenticatedUser | None:
        """The user of a browser session, unless it has expired."""
        columns = sessions.c
        alive = (columns.sha256 == _digest(session)) & (columns.expires_at > self._clock())
        statement = select(users.c.name, users.c.role).join(sessions, columns.user_name == users.c.name)
        with self._database.read() as connection:
            found = connection.execute(statement.where(alive, users.c.disabled.is_(False))).first()
        return None if found is None else AuthenticatedUser(found.name, Role(found.role))

    def log_out(self, session: str) -> None:
        """End a browser session. An unknown session is ignored."""
        self._database.change(delete(sessions).where(sessions.c.sha256 == _digest(session)))

    # Tokens

    def add_token(self, user: str, name: str, lasts_s: float | None = None) -> NewToken:
        """Create an API token. Only the return value contains it; it is stored nowhere.

        Args:
            name: a name that is unique for the user, such as its purpose.
            lasts_s: the token expires after this many seconds; None for never.

        Raises WorkbenchError: user.unknown, user.invalid, user.token_exists.
        """
        if not re.fullmatch(r"[\w .@-]{1,64}", name):
            raise WorkbenchError(
                "user.invalid",
                f"{name!r} is not a valid name for a token",
                where="name",
                seen=name,
                allowed="1 to 64 letters, digits, spaces and . _ - @",
                remedy="Choose another name.",
            )
        token, now = TOKEN_PREFIX + secrets.token_urlsafe(32), self._clock()
        made = NewToken(
            user=user, name=name, token=token, created_at=now, expires_at=None if lasts_s is None else now + lasts_s
        )
        row = made.model_dump(by_alias=False, include={"name", "created_at", "expires_at"})
        try:
            with self._database.write() as connection:
                _change(connection, user, name=user)  # raises user.unknown if the user does not exist
                connection.execute(insert(tokens).values(**row, sha256=_digest(token), user_name=user))
        except IntegrityError:
            raise WorkbenchError(
                "user.token_exists",
                f"{user} already has a token named {name}",
                where=name,
                remedy="Choose another name, or first remove that token: `workbench user token remove USER NAME`.",
            ) from None
        return made

    def list_tokens(self, user: str) -> Sequence[TokenInfo]:
        """The tokens of a user, oldest first. Raises WorkbenchError (user.unknown)."""
        self.get(user)
        columns = tokens.c
        statement = select(columns.user_name, columns.name, columns.created_at, columns.used_at, columns.expires_at)
        found = self._database.rows(statement.where(columns.user_name == user).order_by(columns.created_at))
        return [
            TokenInfo(user=row[0], name=row[1], created_at=row[2], used_at=row[3], expires_at=row[4]) for row in found
        ]

    def remove_token(self, user: str, name: str) -> None:
        """Remove a token, so that it is rejected from now on. Raises WorkbenchError (user.token_unknown)."""
        with self._database.write() as connection:
            named = (tokens.c.user_name == user) & (tokens.c.name == name)
            if connection.execute(delete(tokens).where(named)).rowcount == 0:
                raise WorkbenchError(
                    "user.token_unknown",
                    f"{user} has no token named {name}",
                    where=name,
                    remedy="`workbench user token list USER` lists the tokens.",
                )

    def of_token(self, token: str) -> AuthenticatedUser | None:
        """The user of a token, if it is valid. Records the time of use, at most once a minute."""
        digest, now = _digest(token), self._clock()
        statement = select(users.c.name, users.c.role, tokens.c.used_at, tokens.c.expires_at)
        with self._database.read() as connection:
            joined = statement.join(tokens, tokens.c.user_name == users.c.name)
            found = connection.execute(joined.where(tokens.c.sha256 == digest, users.c.disabled.is_(False))).first()
        if found is None or (found.expires_at is not None and found.expires_at <= now):
            return None
        if found.used_at is None or now - found.used_at >= _USED_EVERY_S:
            with contextlib.suppress(WorkbenchError), self._database.write() as connection:
                # Errors are ignored, because a full disk must not lock users out.
                connection.execute(update(tokens).where(tokens.c.sha256 == digest).values(used_at=now))
        return AuthenticatedUser(found.name, Role(found.role))


def _change(connection: Connection, user: str, **values: Any) -> None:
    if connection.execute(update(users).where(users.c.name == user).values(**values)).rowcount == 0:
        raise _unknown(user)


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def _hashed(password: str) -> str:
    if not MIN_PASSWORD <= len(password) <= MAX_PASSWORD:
        raise WorkbenchError(
            "user.invalid",
            "the password is too short" if len(password) < MIN_PASSWORD else "the password is too long",
            where="password",
            seen=f"{len(password)} characters",
            allowed=f"{MIN_PASSWORD} to {MAX_PASSWORD} characters",
            remedy="Choose another password. A few random words are easy to remember.",
        )
    return hash_password(password)


def _check_name(name: str) -> None:
    if re.fullmatch(USER_NAME, name) is None or name == RESERVED:
        raise WorkbenchError(
            "user.invalid",
            f"{name!r} is not a valid user name",
            where="name",
            seen=name,
            allowed=f"1 to 64 of a-z, 0-9, '.', '_' and '-', starting with a letter or digit; not {RESERVED!r}",
            remedy="Choose another name.",
        )


def _unknown(name: str) -> WorkbenchError:
    return WorkbenchError(
        "user.unknown", f"the user {name} does not exist", where=name, remedy="`workbench user list` lists the users."
    )
