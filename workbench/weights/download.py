"""Downloads files over HTTP: in ranges, several at once, resumed, and never mixed from two versions of a file."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Self

from schemas.errors import WorkbenchError
from workbench.backoff import Backoff
from workbench.weights import partial_file
from workbench.weights.errors import differs, not_fetched
from workbench.weights.exchange import Again, Changed, Wanted, asked, size_of
from workbench.weights.partial_file import PartialFile, Piece

_RESTARTS = 4


@dataclass(frozen=True)
class Limits:
    """How downloads behave."""

    parallel: int = 4  # requests at once
    range_bytes: int = 64 * 2**20
    stall_s: float = 30.0  # without a byte, a connection counts as broken
    least_bytes_s: int = 1024  # a connection that was slower for that long counts as broken too
    attempts: int = 6  # in a row, without progress
    progress_bytes: int = 2**20  # what counts as progress
    backoff: Backoff = field(default_factory=lambda: Backoff(first_s=0.5, longest_s=30.0, jitter=0.2))


class Downloader:
    """Use as ``async with``. One for a run: its limit of requests holds for all files together.

    Args:
        moved: called with the file and the bytes of it that are here.
    """

    def __init__(self, limits: Limits, moved: Callable[[Wanted, int], None]) -> None:
        import httpx

        self.limits = limits
        self._moved = moved
        self._slots = asyncio.Semaphore(limits.parallel)
        self._client = httpx.AsyncClient(
            follow_redirects=False,  # `exchange` follows them, because the token must stay behind
            timeout=httpx.Timeout(limits.stall_s, pool=None),
            limits=httpx.Limits(max_connections=limits.parallel, max_keepalive_connections=limits.parallel),
            headers={"Accept-Encoding": "identity", "User-Agent": "talking-head-workbench"},
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._client.aclose()

    async def size(self, wanted: Wanted) -> int | None:
        """The size that the server says, if it says one. Raises WorkbenchError (model.gated)."""
        import httpx

        try:
            async with self._slots:
                return await size_of(self._client, wanted)
        except httpx.TransportError:
            return None  # the download tries again, and says what is wrong

    async def fetch(self, wanted: Wanted) -> str:
        """Download a file, or what is missing of it; return its SHA-256.

        Raises WorkbenchError: model.not_fetched, model.gated, model.differs. OSError: the disk.
        """
        with PartialFile(wanted.path) as partial:
            other = wanted.size is not None and partial.size not in (None, wanted.size)
            if other or (partial.bytes_here and not partial.validator and not wanted.sha256):
                partial.restart()
            announced = await self._complete(wanted, partial)
            self._moved(wanted, partial.bytes_here)
            sha256 = await asyncio.to_thread(partial.finish)
        expected = {wanted.sha256} if wanted.sha256 else announced
        if expected and sha256 not in expected:
            partial_file.remove(wanted.path)
            raise differs(wanted.name, sha256, ", ".join(sorted(expected)), wanted.place.shown)
        return sha256

    async def _complete(self, wanted: Wanted, partial: PartialFile) -> set[str]:
        """Get what is missing, from the start again if the server has another file. Returns announced digests."""
        in_ranges, restarts = True, 0
        announced: set[str] = set()
        while not partial.whole:
            try:
                await _Pieces(self, wanted, partial, in_ranges, announced).get()
            except Changed as changed:
                restarts += 1
                in_ranges = in_ranges and changed.in_ranges
                if restarts > _RESTARTS:
                    why = "the file at the server keeps changing"
                    raise not_fetched(wanted.name, why, wanted.place.shown) from None
                partial.restart()
                announced.clear()
        return announced

    async def piece(
        self, wanted: Wanted, partial: PartialFile, span: Piece, in_ranges: bool, opened: Callable[..., None]
    ) -> None:
        """Get one span, with as many attempts as it takes while there is progress.

        Args:
            opened: called with the end of the span, or None for the whole file, and the digest that was announced.
        """
        import httpx

        at, end = span
        failures = 0
        while end is None or at < end:
            if not in_ranges and partial.bytes_here:  # a server that ignores ranges begins anew
                partial.restart()
                at, end = 0, None
            before = at
            until = (end or at + self.limits.range_bytes) if in_ranges else None
            try:
                async with self._slots, asked(self._client, wanted, partial, at, until) as answer:
                    at, end = (at, until) if answer.is_range else (0, answer.total)
                    if answer.is_range and answer.total is not None and end is not None:
                        end = min(end, answer.total)
                    opened(end if answer.is_range else None, answer.announced)
                    pace = _Pace(self.limits)
                    async for data in answer.response.aiter_raw():
                        pace.check(len(data))
                        some = data if end is None else data[: end - at]
                        partial.write(at, some)
                        at += len(some)
                        self._moved(wanted, partial.bytes_here)
                        if len(some) < len(data):
                            break  # more than was asked for; an answer read to its end keeps its connection
                if end is None:
                    partial.size = end = at  # the server did not say the length, and the stream has ended
                elif at < end:
                    raise Again("the answer ended early")
            except (httpx.TransportError, Again) as error:
                failures = 1 if in_ranges and at - before >= self.limits.progress_bytes else failures + 1
                if failures >= self.limits.attempts:
                    raise not_fetched(wanted.name, _said(error), wanted.place.shown, partial.bytes_here) from None
                await asyncio.sleep(max(self.limits.backoff.pause_s(failures), getattr(error, "after_s", 0.0)))


@dataclass
class _Pieces:
    """All missing pieces of one file: the first one, and once its answer says that there are ranges, the others."""

    downloader: Downloader
    wanted: Wanted
    partial: PartialFile
    in_ranges: bool
    announced: set[str]
    _first: asyncio.Future[int | None] = field(init=False)
    _hashing: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def get(self) -> None:
        """Raises Changed, WorkbenchError, OSError."""
        range_bytes = self.downloader.limits.range_bytes
        self._first = asyncio.get_running_loop().create_future()
        first = self.partial.missing(range_bytes)[0] if self.in_ranges else (0, None)
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._one(first))
                after = await self._first
                if after is not None:
                    for span in self.partial.missing(range_bytes, after):
                        group.create_task(self._one(span))
        except BaseExceptionGroup as failed:
            raise cause(failed) from None

    async def _one(self, span: Piece) -> None:
        await self.downloader.piece(self.wanted, self.partial, span, self.in_ranges, self._opened)
        if not self._hashing.locked():  # the digest follows the download, instead of reading everything at the end
            async with self._hashing:
                await asyncio.to_thread(self.partial.hash_ahead)

    def _opened(self, end: int | None, announced: str) -> None:
        if announced:
            self.announced.add(announced)
        if not self._first.done():
            self._first.set_result(end)
        elif end is None and self._first.result() is not None:
            raise Changed(in_ranges=False)  # some answers have ranges and this one has not


class _Pace:
    """Notices a connection that trickles: now and then a byte, so that no read ever times out."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._since, self._bytes = time.monotonic(), 0

    def check(self, received: int) -> None:
        """Raises Again."""
        self._bytes += received
        seconds = time.monotonic() - self._since
        if seconds >= self._limits.stall_s:
            if self._bytes < self._limits.least_bytes_s * seconds:
                raise Again(f"only {self._bytes} bytes in {seconds:.0f} s")
            self._since, self._bytes = time.monotonic(), 0


def cause(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """The one exception that matters: the error of a request, not the cancellation that followed it."""
    found = [cause(one) if isinstance(one, BaseExceptionGroup) else one for one in group.exceptions]
    return next((one for one in found if isinstance(one, WorkbenchError)), found[0])


def _said(error: Exception) -> str:
    import httpx

    if isinstance(error, httpx.ReadTimeout):
        return "the connection stalled"
    return str(error) or type(error).__name__
