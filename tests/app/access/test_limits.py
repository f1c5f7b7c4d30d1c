"""Rate limits, with a clock that the tests control."""

from __future__ import annotations

import contextlib

import pytest
from sqlalchemy import update

from schemas.errors import WorkbenchError
from schemas.job import NewJob
from tests.app.access.conftest import Launch, log_in, settings_in
from tests.engine.graphs import document
from workbench.app.access import limits
from workbench.app.access.limits import Buckets, LoginAttempts, Open
from workbench.client.access import LOCAL, Role, User
from workbench.client.deployment import Deployment
from workbench.engine.parse import parse_graph
from workbench.store.tables import jobs
from workbench.store.users import Users


class Clock:
    """A clock that a test advances."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_bucket_gives_a_burst_and_then_its_rate() -> None:
    clock = Clock()
    buckets = Buckets(per_s=2, at_once=3, clock=clock)
    assert [buckets.take("a") for _ in range(4)] == [0, 0, 0, 0.5]
    assert buckets.take("b") == 0  # each user has their own bucket
    clock.now += 0.5
    assert [buckets.take("a") for _ in range(2)] == [0, 0.5]
    clock.now += 3600
    assert [buckets.take("a") for _ in range(4)] == [0, 0, 0, 0.5]


def test_the_number_of_buckets_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "_KEPT", 10)
    buckets, attempts = Buckets(1, 1, Clock()), LoginAttempts(Clock())
    for number in range(100):
        buckets.take(str(number))
        attempts.begin(f"name:{number}", "address:a")
    assert len(buckets._left) == 10
    assert len(attempts._failed) <= 11


def test_five_failed_logins_are_free_and_then_each_doubles_the_wait() -> None:
    clock = Clock()
    attempts = LoginAttempts(clock)
    waits = []
    for _ in range(14):
        assert attempts.begin("name:ann") == 0
        waits.append(attempts.begin("name:ann") if len(waits) >= 4 else 0.0)
        clock.now += waits[-1]
    assert waits == [0, 0, 0, 0, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300]


def test_waiting_does_not_count_as_another_attempt() -> None:
    clock = Clock()
    attempts = LoginAttempts(clock)
    for _ in range(5):
        attempts.begin("name:ann")
    assert [attempts.begin("name:ann") for _ in range(50)] == [2.0] * 50


def test_failed_logins_are_forgotten_after_a_quiet_minute() -> None:
    clock = Clock()
    attempts = LoginAttempts(clock)
    for _ in range(4):
        attempts.begin("name:ann")
    clock.now += 61
    assert [attempts.begin("name:ann") for _ in range(5)] == [0] * 5
    assert attempts.begin("name:ann") == 2


def test_many_attempts_at_once_do_not_all_pass_before_the_first_has_failed() -> None:
    attempts = LoginAttempts(Clock())
    assert [attempts.begin("name:ann", "address:a") > 0 for _ in range(100)] == [False] * 5 + [True] * 95


def test_names_tried_from_one_address_are_limited_together_and_a_name_from_many() -> None:
    attempts = LoginAttempts(Clock())
    assert [attempts.begin(f"name:{number}", "address:a") > 0 for number in range(7)] == [False] * 5 + [True] * 2
    assert [attempts.begin("name:ann", f"address:{number}") > 0 for number in range(7)] == [False] * 5 + [True] * 2


def test_a_successful_login_does_not_reset_failures_for_other_names() -> None:
    attempts = LoginAttempts(Clock())
    tried = 0
    while attempts.begin(f"name:victim{tried}", "address:a") == 0:
        tried += 1
        if attempts.begin("name:mine", "address:a") == 0:
            attempts.succeeded("name:mine", "address:a")
        assert tried < 10
    assert tried == 5


def test_people_behind_one_address_log_in_without_waiting() -> None:
    attempts = LoginAttempts(Clock())
    for number in range(50):
        assert attempts.begin(f"name:{number}", "address:lab") == 0
        attempts.succeeded(f"name:{number}", "address:lab")


def test_the_login_form_says_when_to_try_again(launch: Launch, users: Users, monkeypatch: pytest.MonkeyPatch) -> None:
    client, clock = launch(), Clock()
    client.app.state.limits.logins = LoginAttempts(clock)  # type: ignore[attr-defined]
    hashed: list[str] = []
    real = Users.log_in
    monkeypatch.setattr(Users, "log_in", lambda self, name, word: hashed.append(name) or real(self, name, word))
    assert [log_in(client, "ann", "wrong password").status_code for _ in range(5)] == [401] * 5
    held = log_in(client, "ann")  # even with the right password
    assert (held.status_code, held.headers["retry-after"]) == (429, "2")
    assert "Try again in 2 s." in held.text
    assert len(hashed) == 5  # a delayed attempt costs no hash
    clock.now += 2
    assert log_in(client, "ann").status_code == 303


def test_requests_are_limited_per_user(launch: Launch, users: Users) -> None:
    client = launch()
    client.app.state.limits.requests = Buckets(1, 3, Clock())  # type: ignore[attr-defined]
    ann, rob = ({"Authorization": f"Bearer {users.add_token(name, 't').token}"} for name in ("ann", "rob"))
    assert [client.get("/probe", headers=ann).status_code for _ in range(4)] == [200, 200, 200, 429]
    refused = client.get("/probe", headers=ann)
    assert (refused.json()["code"], refused.headers["retry-after"]) == ("access.too_many", "1")
    assert client.get("/probe", headers=rob).status_code == 200
    assert client.get("/assets/index.js", headers=ann).status_code == 404  # files of the page do not count


def test_guessing_tokens_is_limited_by_address(launch: Launch, users: Users) -> None:
    client = launch()
    client.app.state.limits.requests = Buckets(1, 3, Clock())  # type: ignore[attr-defined]
    guesses = [client.get("/probe", headers={"Authorization": f"Bearer wb_{n}"}).status_code for n in range(5)]
    assert guesses == [401, 401, 401, 429, 429]


def test_uploads_of_a_user_are_limited(launch: Launch, users: Users) -> None:
    client = launch()
    client.app.state.limits.uploads = Buckets(1, 2, Clock())  # type: ignore[attr-defined]
    ann = {"Authorization": f"Bearer {users.add_token('ann', 't').token}"}
    assert [client.post("/api/uploads", headers=ann).status_code for _ in range(3)] == [422, 422, 429]


def test_concurrency_is_limited_and_each_end_frees_a_slot() -> None:
    open_ = Open("uploads", 2)
    with open_.one("ann"), open_.one("bob"):
        with pytest.raises(OSError), open_.one("ann"):
            raise OSError
        with open_.one("ann"), pytest.raises(WorkbenchError) as refused, open_.one("ann"):
            pass
        assert (refused.value.code, refused.value.allowed) == ("access.too_many", "2 at once")
    assert not open_._open


def test_concurrent_uploads_of_a_user_are_limited(launch: Launch, users: Users) -> None:
    client = launch()
    limits_ = client.app.state.limits  # type: ignore[attr-defined]
    ann, rob = ({"Authorization": f"Bearer {users.add_token(name, 't').token}"} for name in ("ann", "rob"))
    with contextlib.ExitStack() as under_way:
        for _ in range(limits.UPLOADS_OPEN):
            under_way.enter_context(limits_.uploads_open.one("ann"))
        refused = client.post("/api/uploads", headers=ann)
        assert (refused.status_code, refused.json()["code"]) == (429, "access.too_many")
        assert client.post("/api/uploads", headers=rob).status_code == 422
    assert client.post("/api/uploads", headers=ann).status_code == 422


def test_without_login_nothing_is_limited(launch: Launch) -> None:
    client = launch("127.0.0.1")
    client.app.state.limits.requests = Buckets(1, 1, Clock())  # type: ignore[attr-defined]
    client.app.state.limits.uploads = Buckets(1, 1, Clock())  # type: ignore[attr-defined]
    assert [client.post("/api/uploads").status_code for _ in range(3)] == [422] * 3


def submitted(deployment: Deployment, owner: str, count: int) -> None:
    graph = parse_graph(document({"a": "probe.control"}))
    for number in range(count):
        deployment.store.create(NewJob(id=f"{owner}-{number}", graph=graph, graph_hash="0" * 64, owner=owner))


@pytest.mark.parametrize(
    ("setting", "user", "unfinished", "allowed"),
    [
        (None, LOCAL, 30, True),
        (None, User("rob", Role.RUNNER), 19, True),
        (None, User("rob", Role.RUNNER), 20, False),
        (None, User("ann", Role.ADMIN), 20, False),
        (0, User("rob", Role.RUNNER), 30, True),
        (2, User("rob", Role.RUNNER), 2, False),
        (2, LOCAL, 2, False),
    ],
)
def test_unfinished_jobs_of_a_user_are_limited(
    deployment: Deployment, setting: int | None, user: User, unfinished: int, allowed: bool
) -> None:
    here = Deployment(settings_in(deployment.settings.home, limit_jobs=setting))
    submitted(here, user.name, unfinished)
    submitted(here, "somebody-else", 3)
    submitted(here, f"{user.name}-before", 3)
    with here.store.database.write() as connection:  # ended jobs do not count
        ended = update(jobs).where(jobs.c.owner == f"{user.name}-before").values(owner=user.name, status="failed")
        connection.execute(ended)
    if allowed:
        limits.check_submit(user, here)
        return
    with pytest.raises(WorkbenchError) as refused:
        limits.check_submit(user, here)
    assert refused.value.code == "access.too_many"
    assert refused.value.seen == unfinished
