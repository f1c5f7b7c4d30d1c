"""One request for bytes of a file: redirects, the token, and what an answer says about size and version."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from workbench.weights.errors import differs, gated, not_fetched
from workbench.weights.partial_file import PartialFile
from workbench.weights.sources import Place

if TYPE_CHECKING:
    import httpx

_CONTENT_RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+)")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_REDIRECTS = 5
_LONGEST_WAIT_S = 60.0


@dataclass(frozen=True)
class Wanted:
    """A file to download.

    Attributes:
        path: where its bytes go.
        name: model and path, for messages.
        size, sha256: what it must be; None: whatever the server has.
    """

    path: Path
    name: str
    place: Place
    size: int | None = None
    sha256: str | None = None


class Again(Exception):
    """A passing fault: try again, at the earliest after some seconds."""

    def __init__(self, why: str, after_s: float = 0.0) -> None:
        super().__init__(why)
        self.after_s = after_s


class Changed(Exception):
    """The bytes that are here do not belong to what the server has now.

    Attributes:
        in_ranges: whether ranges can be asked for; False: the server ignores them.
    """

    def __init__(self, in_ranges: bool) -> None:
        super().__init__()
        self.in_ranges = in_ranges


@dataclass(frozen=True)
class Answer:
    """An answer whose body can be read.

    Attributes:
        total: bytes of the whole file, if the server says it.
        is_range: it has the bytes that were asked for; False: the file from its start.
        announced: the SHA-256 that the server says, or "".
    """

    response: httpx.Response
    total: int | None
    is_range: bool
    announced: str


@asynccontextmanager
async def asked(
    client: httpx.AsyncClient, wanted: Wanted, partial: PartialFile, at: int, until: int | None
) -> AsyncIterator[Answer]:
    """Ask for the bytes of a file from ``at`` to ``until``, or for all of it if that is None.

    Raises Again, Changed; WorkbenchError: model.gated, model.not_fetched, model.differs.
    """
    headers = {}
    if until is not None:
        headers["Range"] = f"bytes={at}-{until - 1}"
        if partial.bytes_here and partial.validator:
            headers["If-Range"] = partial.validator
    async with _sent(client, "GET", wanted, headers) as (response, linked):
        status = response.status_code
        if status in (401, 403):
            if not linked:
                raise _closed(wanted, status)
            raise Again(f"HTTP {status} after a redirect")  # a signed address that has expired: the next one is new
        if status in (408, 425, 429) or status >= 500:
            raise Again(f"HTTP {status}", _retry_after_s(response))
        if status == 416:
            raise Changed(in_ranges=partial.bytes_here > 0)
        if status not in (200, 206):
            raise _failed(wanted, f"HTTP {status}", partial)
        if response.headers.get("content-encoding", "identity") != "identity":
            raise _failed(wanted, "the server compresses the file", partial)
        _compare(wanted, partial, response, at)
        announced = linked.get("x-linked-etag", "").strip('"')  # Hugging Face says the digest there
        yield Answer(response, partial.size, status == 206, announced if _SHA256.fullmatch(announced) else "")


async def size_of(client: httpx.AsyncClient, wanted: Wanted) -> int | None:
    """The size that the server says, if it says one. Raises WorkbenchError (model.gated)."""
    async with _sent(client, "HEAD", wanted, {}) as (response, linked):
        if response.status_code in (401, 403) and not linked:
            raise _closed(wanted, response.status_code)
        length = response.headers.get("content-length", "") if response.is_success else ""
        said = linked.get("x-linked-size") or length  # the store behind a redirect may refuse HEAD
        return int(said) if said.isdigit() else None


@asynccontextmanager
async def _sent(
    client: httpx.AsyncClient, method: str, wanted: Wanted, headers: dict[str, str]
) -> AsyncIterator[tuple[httpx.Response, dict[str, str]]]:
    """The final answer, and the headers of the first answer if that was a redirect.

    The token goes to the host of the file's own address alone.
    """
    import httpx

    try:
        first = url = httpx.URL(wanted.place.url)
    except httpx.InvalidURL as error:
        raise _failed(wanted, f"this is no address ({error})") from None
    linked: dict[str, str] = {}
    for _ in range(_REDIRECTS + 1):
        own = (url.scheme, url.host, url.port) == (first.scheme, first.host, first.port)
        token = {"Authorization": f"Bearer {wanted.place.token}"} if wanted.place.token and own else {}
        request = client.build_request(method, url, headers={**headers, **token})
        response = await client.send(request, stream=True)
        try:
            if not response.has_redirect_location:
                yield response, linked
                return
            linked = linked or dict(response.headers)
            try:
                url = url.join(response.headers["location"])
            except httpx.InvalidURL as error:
                raise _failed(wanted, f"a redirect to no address ({error})") from None
            if url.scheme not in ("http", "https") or (first.scheme == "https" and url.scheme == "http"):
                raise _failed(wanted, f"a redirect to {url.scheme}:, which is not encrypted")
        finally:
            await response.aclose()
    raise _failed(wanted, f"more than {_REDIRECTS} redirects")


def _compare(wanted: Wanted, partial: PartialFile, response: httpx.Response, at: int) -> None:
    """Compare an answer with what is here and with what must come; keep its size and version."""
    validator = _validator(response)
    total: int | None
    if response.status_code == 206:
        found = _CONTENT_RANGE.fullmatch(response.headers.get("content-range", ""))
        if found is None or int(found[1]) != at:
            raise Changed(in_ranges=False)
        if not validator and not wanted.sha256:
            raise Changed(in_ranges=False)  # nothing would show that two ranges are of two versions
        total = int(found[3])
    else:
        if partial.bytes_here:
            raise Changed(in_ranges=bool(partial.validator) and validator != partial.validator)
        length = response.headers.get("content-length", "")
        total = int(length) if length.isdigit() else None
    if wanted.size is not None and total not in (None, wanted.size):
        raise differs(wanted.name, f"{total} bytes", f"{wanted.size} bytes", wanted.place.shown)
    if partial.bytes_here and (total != partial.size or validator != partial.validator):
        raise Changed(in_ranges=True)
    partial.size, partial.validator = total, validator


def _validator(response: httpx.Response) -> str:
    """A strong ETag, else the time of the last change: what ``If-Range`` can carry."""
    etag = str(response.headers.get("etag", ""))
    return etag if etag and not etag.startswith("W/") else str(response.headers.get("last-modified", ""))


def _retry_after_s(response: httpx.Response) -> float:
    said = response.headers.get("retry-after", "")
    return min(_LONGEST_WAIT_S, float(said)) if said.isdigit() else 0.0


def _closed(wanted: Wanted, status: int) -> Exception:
    if wanted.place.has_terms:
        return gated(wanted.name, wanted.place.shown, bool(wanted.place.token))
    return _failed(wanted, f"HTTP {status}, the server asks for a login")


def _failed(wanted: Wanted, why: str, partial: PartialFile | None = None) -> Exception:
    return not_fetched(wanted.name, why, wanted.place.shown, partial.bytes_here if partial else 0)
