"""Queries to hanging servers: one at a time for each server, and the other servers do not wait."""

from __future__ import annotations

import threading

import pytest

from workbench.client.shared_queries import SharedQueries


def test_a_hanging_server_is_queried_once_and_does_not_block_the_others() -> None:
    queries: SharedQueries[int] = SharedQueries(("bus", "sql"), "test")
    answers, asked = threading.Event(), []

    def hanging() -> int:
        asked.append(1)
        assert answers.wait(20)
        return len(asked)

    waiting = [queries.ask("bus", hanging) for _ in range(50)]
    results = [queries.ask("sql", lambda number=number: number).result(20) for number in range(3)]  # type: ignore[misc]
    assert results == [0, 1, 2]
    assert len(set(map(id, waiting))) == 1 and not waiting[0].done()
    answers.set()
    assert [answer.result(20) for answer in waiting] == [1] * 50
    assert queries.ask("bus", hanging).result(20) == 2, "the next query runs again"


def test_a_failed_query_runs_again() -> None:
    queries: SharedQueries[int] = SharedQueries(("bus",), "test")
    with pytest.raises(ZeroDivisionError):
        queries.ask("bus", lambda: 1 // 0).result(20)
    assert queries.ask("bus", lambda: 1).result(20) == 1
