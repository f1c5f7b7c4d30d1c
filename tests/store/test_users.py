"""Users in SQL: valid names and passwords, what is stored, and what is removed with a user."""

from __future__ import annotations

import hashlib
from base64 import b64encode
from collections.abc import Iterator

import pytest
from argon2 import PasswordHasher
from sqlalchemy import select, update

from schemas.access import Role
from schemas.errors import WorkbenchError
from workbench.store.database import Database
from workbench.store.passwords import hash_password, password_matches
from workbench.store.tables import sessions, tokens
from workbench.store.tables import users as users_table
from workbench.store.users import SESSION_S, Users

WORD = "a long password"


class Clock:
    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def database(sql_url: str) -> Iterator[Database]:
    database = Database(sql_url)
    database.migrate()
    yield database
    database.close()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def users(database: Database, clock: Clock) -> Users:
    return Users(database, clock)


def test_user_is_listed_without_secrets(users: Users) -> None:
    users.add("rob", Role.RUNNER, WORD)
    users.add("ann", Role.ADMIN, WORD)
    users.add_token("ann", "laptop")
    users.log_in("ann", WORD)
    assert [user.model_dump() for user in users.list()] == [
        {"name": "ann", "role": Role.ADMIN, "disabled": False, "createdAt": 1e6, "tokens": 1, "sessions": 1},
        {"name": "rob", "role": Role.RUNNER, "disabled": False, "createdAt": 1e6, "tokens": 0, "sessions": 0},
    ]


@pytest.mark.parametrize("name", ["", "Ann", "a b", "-a", "a/b", "ä", "a" * 65, "local", "a\n"])
def test_invalid_names_are_refused(users: Users, name: str) -> None:
    with pytest.raises(WorkbenchError) as refused:
        users.add(name, Role.VIEWER, WORD)
    assert refused.value.code == "user.invalid"
    assert users.list() == []


@pytest.mark.parametrize("password", ["", "2short?", "x" * 1001])
def test_invalid_passwords_are_refused_without_repeating_them(users: Users, password: str) -> None:
    users.add("ann", Role.ADMIN, WORD)
    for attempt in (lambda: users.add("rob", Role.VIEWER, password), lambda: users.set_password("ann", password)):
        with pytest.raises(WorkbenchError) as refused:
            attempt()
        assert refused.value.code == "user.invalid"
        assert not password or password not in f"{refused.value}"
    assert users.log_in("ann", WORD)


def test_a_name_can_be_used_only_once(users: Users) -> None:
    users.add("ann", Role.ADMIN, WORD)
    with pytest.raises(WorkbenchError) as refused:
        users.add("ann", Role.VIEWER, "another long password")
    assert refused.value.code == "user.exists"
    assert users.get("ann").role is Role.ADMIN


def test_operations_on_unknown_users_are_refused(users: Users) -> None:
    for attempt in (
        lambda: users.get("nobody"),
        lambda: users.set_role("nobody", Role.ADMIN),
        lambda: users.set_password("nobody", WORD),
        lambda: users.set_disabled("nobody", True),
        lambda: users.remove("nobody"),
        lambda: users.add_token("nobody", "laptop"),
        lambda: users.list_tokens("nobody"),
    ):
        with pytest.raises(WorkbenchError) as refused:
            attempt()
        assert refused.value.code == "user.unknown"


def test_password_hash_contains_its_parameters_and_salt() -> None:
    first, second = hash_password(WORD), hash_password(WORD)
    assert first.startswith("$argon2id$v=19$m=47104,t=2,p=1$")
    assert first != second
    assert password_matches(WORD, first)
    assert password_matches(WORD, second)
    assert not password_matches(WORD + " ", first)


@pytest.mark.parametrize("kind", ["scrypt", "cheaper argon2"])
def test_a_hash_of_an_earlier_version_is_accepted_and_replaced_at_login(
    users: Users, database: Database, kind: str
) -> None:
    users.add("ann", Role.ADMIN, WORD)
    key = b64encode(hashlib.scrypt(WORD.encode(), salt=b"saltsaltsaltsalt", n=1024, r=8, p=1, dklen=32)).decode()
    older = {
        "scrypt": f"scrypt$1024$8$1$c2FsdHNhbHRzYWx0c2FsdA==${key}",
        "cheaper argon2": PasswordHasher(time_cost=1, memory_cost=64, parallelism=1).hash(WORD),
    }[kind]

    def stored(*given: str) -> str:
        with database.write() as connection:
            for value in given:
                connection.execute(update(users_table).values(password_hash=value))
            return str(connection.execute(select(users_table.c.password_hash)).scalar_one())

    stored(older)
    assert users.log_in("ann", WORD + " ") is None
    assert stored() == older
    assert users.log_in("ann", WORD)
    now = stored()
    assert now.startswith("$argon2id$v=19$m=47104,") and password_matches(WORD, now)
    assert users.log_in("ann", WORD)
    assert stored() == now


def test_a_login_that_finds_the_hash_replaced_by_another_login_still_succeeds(
    users: Users, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    from workbench.store import users as module

    users.add("ann", Role.ADMIN, WORD)

    def meanwhile(password: str, stored: str | None) -> bool:
        monkeypatch.undo()
        with database.write() as connection:
            connection.execute(update(users_table).values(password_hash=hash_password(WORD)))
        return password_matches(password, stored)

    monkeypatch.setattr(module, "password_matches", meanwhile)
    assert users.log_in("ann", WORD)


def test_no_password_token_or_session_secret_is_stored(users: Users, database: Database) -> None:
    users.add("ann", Role.ADMIN, WORD)
    token, session = users.add_token("ann", "laptop").token, users.log_in("ann", WORD)
    with database.read() as connection:
        kept = str([connection.execute(select(table)).all() for table in (users_table, tokens, sessions)])
    assert session
    assert not [secret for secret in (WORD, token, session) if secret in kept]


def test_every_login_creates_its_own_session(users: Users) -> None:
    users.add("ann", Role.ADMIN, WORD)
    first, second = users.log_in("ann", WORD), users.log_in("ann", WORD)
    assert first
    assert second
    assert first != second
    users.log_out(first)
    assert users.of_session(first) is None
    known = users.of_session(second)
    assert known is not None
    assert (known.name, known.role) == ("ann", Role.ADMIN)


def test_ended_sessions_are_removed_by_the_next_login(users: Users, database: Database, clock: Clock) -> None:
    users.add("ann", Role.ADMIN, WORD)
    old = users.log_in("ann", WORD)
    clock.now += SESSION_S - 1
    assert old
    assert users.of_session(old)
    clock.now += 1
    assert users.of_session(old) is None
    users.log_in("ann", WORD)
    with database.read() as connection:
        assert len(connection.execute(select(sessions)).all()) == 1


def test_a_password_change_during_a_login_fails_the_login(users: Users, monkeypatch: pytest.MonkeyPatch) -> None:
    from workbench.store import users as module

    users.add("ann", Role.ADMIN, WORD)

    def slowly(password: str, stored: str | None) -> bool:
        monkeypatch.undo()
        users.set_password("ann", "another long password")
        return password_matches(password, stored)

    monkeypatch.setattr(module, "password_matches", slowly)
    assert users.log_in("ann", WORD) is None


@pytest.mark.parametrize("name", ["", "x" * 65, "a\tb", "<b>"])
def test_invalid_token_names_are_refused(users: Users, name: str) -> None:
    users.add("ann", Role.ADMIN, WORD)
    with pytest.raises(WorkbenchError) as refused:
        users.add_token("ann", name)
    assert refused.value.code == "user.invalid"


def test_a_token_name_can_be_used_once_per_user(users: Users) -> None:
    users.add("ann", Role.ADMIN, WORD)
    users.add("rob", Role.RUNNER, WORD)
    first = users.add_token("ann", "laptop").token
    users.add_token("rob", "laptop")
    with pytest.raises(WorkbenchError) as refused:
        users.add_token("ann", "laptop")
    assert refused.value.code == "user.token_exists"
    assert users.of_token(first)


def test_removing_a_user_removes_tokens_and_sessions(users: Users, database: Database) -> None:
    users.add("ann", Role.ADMIN, WORD)
    users.add_token("ann", "laptop")
    users.log_in("ann", WORD)
    users.remove("ann")
    with database.read() as connection:
        assert connection.execute(select(tokens)).all() == connection.execute(select(sessions)).all() == []
