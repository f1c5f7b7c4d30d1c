"""Questions to parts that hang: one at a time, and no other part waits."""

from __future__ import annotations

import threading

import pytest

from workbench.client.questions import Questions


def test_a_part_that_hangs_is_asked_once_and_keeps_no_other_waiting() -> None:
    questions: Questions[int] = Questions(("bus", "sql"), "test")
    answers, asked = threading.Event(), []

    def hanging() -> int:
        asked.append(1)
        assert answers.wait(20)
        return len(asked)

    waiting = [questions.ask("bus", hanging) for _ in range(50)]
    assert [questions.ask("sql", lambda number=number: number).result(20) for number in range(3)] == [0, 1, 2]  # type: ignore[misc]
    assert len(set(map(id, waiting))) == 1 and not waiting[0].done()
    answers.set()
    assert [answer.result(20) for answer in waiting] == [1] * 50
    assert questions.ask("bus", hanging).result(20) == 2, "the next one asks anew"


def test_a_question_that_fails_is_asked_again() -> None:
    questions: Questions[int] = Questions(("bus",), "test")
    with pytest.raises(ZeroDivisionError):
        questions.ask("bus", lambda: 1 // 0).result(20)
    assert questions.ask("bus", lambda: 1).result(20) == 1
