"""Rate limits for one user or one address. Without a login, known visitors have no limits."""

from __future__ import annotations

import contextlib
import time
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterator

from schemas.errors import WorkbenchError
from schemas.status import FINAL_JOB_STATUSES, JobStatus
from workbench.client.access import LOCAL, User
from workbench.client.deployment import Deployment
from workbench.store.listing import JobFilter

REQUESTS_PER_S, REQUESTS_AT_ONCE = 50.0, 200.0
UPLOADS_PER_MINUTE, UPLOADS_AT_ONCE = 30.0, 30.0
UPLOADS_OPEN, SOCKETS_OPEN = 4, 100
LOGINS_FREE, LOGIN_WINDOW_S, LOGIN_DELAY_S, LONGEST_LOGIN_DELAY_S = 5, 60.0, 2.0, 300.0
JOBS_WITH_LOGIN = 20
_KEPT = 10_000  # users and addresses in memory; beyond this, the least recently used one is dropped

Clock = Callable[[], float]


class Buckets:
    """A token bucket for each key: ``at_once`` requests in a burst, ``per_s`` in the long run."""

    def __init__(self, per_s: float, at_once: float, clock: Clock = time.monotonic) -> None:
        self._per_s, self._at_once, self._clock = per_s, at_once, clock
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()  # key -> tokens left, when

    def take(self, key: str) -> float:
        """Take a token. Returns 0, or the seconds until one is available."""
        now = self._clock()
        left, since = self._left.pop(key, (self._at_once, now))
        left = min(self._at_once, left + (now - since) * self._per_s)
        allowed = left >= 1
        self._left[key] = (left - 1 if allowed else left, now)
        if len(self._left) > _KEPT:
            self._left.popitem(last=False)
        return 0.0 if allowed else (1 - left) / self._per_s


class Open:
    """Limits the concurrent operations of each key to ``most``. Use it on the event loop only."""

    def __init__(self, what: str, most: int) -> None:
        self._what, self._most = what, most
        self._open: Counter[str] = Counter()

    @contextlib.contextmanager
    def one(self, key: str) -> Iterator[None]:
        """Count one operation while the block runs. Raises WorkbenchError (access.too_many) before the block starts."""
        if self._open[key] >= self._most:
            raise too_many(f"too many {self._what} at once", f"{self._most} at once", 5.0)
        self._open[key] += 1
        try:
            yield
        finally:
            self._open[key] -= 1
            if not self._open[key]:
                del self._open[key]


class LoginAttempts:
    """Failed logins by name and by address: five in a minute are free, then each doubles the wait, up to five minutes.

    An attempt counts as failed from its start. Otherwise many concurrent attempts would pass before the first fails.
    """

    def __init__(self, clock: Clock = time.monotonic) -> None:
        self._clock = clock
        self._failed: OrderedDict[str, tuple[int, float, float]] = OrderedDict()  # key -> times, last, not before

    def begin(self, *keys: str) -> float:
        """Count an attempt under each key. Returns 0, or the seconds until the next attempt is allowed."""
        now = self._clock()
        wait = max(self._failed.get(key, (0, now, now))[2] - now for key in keys)
        if wait > 0:
            return wait
        for key in keys:
            times, last, _ = self._failed.pop(key, (0, now, now))
            # The count resets after a quiet period of the window plus the last wait.
            times = 1 if now - last > LOGIN_WINDOW_S + _delay_s(times) else times + 1
            self._failed[key] = (times, now, now + _delay_s(times))
            if len(self._failed) > _KEPT:
                self._failed.popitem(last=False)
        return 0.0

    def succeeded(self, name: str, address: str) -> None:
        """Reset the count of the name after a correct login, and subtract one attempt from the address.

        A full reset of the address would let a user guess other passwords without limit by logging in in between.
        """
        self._failed.pop(name, None)
        times, last, _ = self._failed.pop(address, (0, 0.0, 0.0))
        if times > 1:
            self._failed[address] = (times - 1, last, last)


def _delay_s(times: int) -> float:
    if times < LOGINS_FREE:
        return 0.0
    return float(min(LONGEST_LOGIN_DELAY_S, LOGIN_DELAY_S * 2.0 ** min(times - LOGINS_FREE, 20)))


class Limits:
    """The limits of one server. A restart resets them."""

    def __init__(self, clock: Clock = time.monotonic) -> None:
        self.requests = Buckets(REQUESTS_PER_S, REQUESTS_AT_ONCE, clock)
        self.uploads = Buckets(UPLOADS_PER_MINUTE / 60, UPLOADS_AT_ONCE, clock)
        self.uploads_open = Open("uploads", UPLOADS_OPEN)
        self.sockets_open = Open("open pages", SOCKETS_OPEN)
        self.logins = LoginAttempts(clock)

    def check_request(self, key: str) -> None:
        """Raises WorkbenchError (access.too_many)."""
        if wait := self.requests.take(key):
            raise too_many("too many requests", f"{REQUESTS_PER_S:.0f} a second", wait)

    def check_login(self, *keys: str) -> None:
        """Count a login attempt under each key. Raises WorkbenchError (access.too_many)."""
        if wait := self.logins.begin(*keys):
            raise too_many("too many failed logins", f"{LOGINS_FREE} in a minute", wait)

    def check_upload(self, key: str) -> None:
        """Raises WorkbenchError (access.too_many)."""
        if wait := self.uploads.take(key):
            raise too_many("too many uploads", f"{UPLOADS_PER_MINUTE:.0f} a minute", wait)


def check_submit(user: User, deployment: Deployment) -> None:
    """Raises WorkbenchError (access.too_many) for a user whose unfinished jobs reach WORKBENCH_LIMIT_JOBS.

    Blocks for one query. Concurrent submits may exceed the limit slightly.
    """
    given = deployment.settings.limit_jobs
    allowed = given if given is not None else (0 if user == LOCAL else JOBS_WITH_LOGIN)
    if allowed == 0:
        return
    unfinished = [status for status in JobStatus if status not in FINAL_JOB_STATUSES]
    found = deployment.store.list(JobFilter(owner=user.name, status=unfinished, limit=1)).total
    if found >= allowed:
        raise WorkbenchError(
            "access.too_many",
            f"{user.name} has {found} unfinished jobs",
            seen=found,
            allowed=f"{allowed} at once",
            remedy="Wait until one ends, or cancel one. An admin can raise WORKBENCH_LIMIT_JOBS.",
            retry_after_s=30,
        )


def too_many(message: str, allowed: str, wait_s: float) -> WorkbenchError:
    """The error that states when to retry."""
    seconds = max(1, int(wait_s + 0.999))
    return WorkbenchError(
        "access.too_many", message, allowed=allowed, remedy=f"Try again in {seconds} s.", retry_after_s=seconds
    )
