"""The maximum size of a request body, with and without a declared length."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from schemas.graph import MAX_DOCUMENT_BYTES
from tests.app.access.conftest import Launch

MIB = 1024 * 1024


def pieces(size: int) -> Iterator[bytes]:
    """A body without Content-Length."""
    for _ in range(size // (64 * 1024)):
        yield b" " * (64 * 1024)


@pytest.mark.parametrize(
    ("path", "size", "status"),
    [
        ("/probe", MIB, 200),
        ("/probe", MIB + 64 * 1024, 413),
        ("/api/jobs", MAX_DOCUMENT_BYTES, 422),  # passes the guard, but is not JSON
        ("/api/jobs", MAX_DOCUMENT_BYTES + 2 * MIB, 413),
        ("/api/uploads", 8 * MIB, 422),  # counted by its own route, but not a form
        ("/login", 64 * 1024, 413),
    ],
)
@pytest.mark.parametrize("declared", [True, False])
def test_the_largest_body_is_accepted_and_a_larger_one_refused(
    launch: Launch, path: str, size: int, status: int, declared: bool
) -> None:
    body = b" " * size if declared else pieces(size)
    answer = launch("127.0.0.1").post(path, content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == status
    if status == 413:
        assert answer.json()["code"] == "request.too_large"
        assert answer.headers["connection"] == "close"
        assert answer.headers["x-content-type-options"] == "nosniff"


def test_a_body_with_a_false_length_is_counted(launch: Launch) -> None:
    headers = {"Content-Length": "10"}
    assert launch("127.0.0.1").post("/probe", content=pieces(2 * MIB), headers=headers).status_code == 413
