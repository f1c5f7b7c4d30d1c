"""Pauses behind failed attempts."""

from __future__ import annotations

from workbench.engine.retry_policy import NODE, delay_s


def test_the_first_failure_is_tried_again_at_once_and_the_others_wait_twice_as_long_each_time() -> None:
    assert [delay_s(attempt, "node.failed") for attempt in range(1, 6)] == [0, 1, 2, 4, 8]


def test_what_is_away_is_given_time_from_the_first_failure_on() -> None:
    assert [delay_s(attempt, "node.model_unavailable") for attempt in range(1, 4)] == [1, 2, 4]


def test_no_pause_is_longer_than_a_minute() -> None:
    assert delay_s(20, "node.failed") == NODE.longest_s == 60
