"""Pauses after failed attempts."""

from __future__ import annotations

from workbench.engine.retry_policy import NODE, delay_s


def test_the_first_retry_is_immediate_and_each_later_pause_doubles() -> None:
    assert [delay_s(attempt, "node.failed") for attempt in range(1, 6)] == [0, 1, 2, 4, 8]


def test_an_unreachable_service_is_retried_after_a_pause_from_the_first_failure() -> None:
    assert [delay_s(attempt, "node.model_unavailable") for attempt in range(1, 4)] == [1, 2, 4]


def test_no_pause_is_longer_than_a_minute() -> None:
    assert delay_s(20, "node.failed") == NODE.longest_s == 60
