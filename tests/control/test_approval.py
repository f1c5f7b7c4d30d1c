"""Approvals on a live deployment: answers, rejections, and kills, wipes and cancellations while a job waits."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from schemas.approval import MAX_TEXT_CHARS, Decision
from schemas.errors import WorkbenchError
from schemas.event import NodeWait
from schemas.refs import TextRef
from schemas.status import JobStatus, NodeStatus, WaitReason
from tests.live import Diary, LiveDeployment, sigkill, wait_for
from workbench.bus.results import Phase
from workbench.client.rerun import rerun, retry
from workbench.client.review import approve, awaited, reject
from workbench.crash_points import CrashPoint
from workbench.engine.existing_results import recorded_questions
from workbench.store.approvals import Approvals
from workbench.store.dead_letters import DeadLetters

pytestmark = pytest.mark.stack
EDIT = "Good evening."


def asking(live: LiveDeployment, diary: Diary, *, then: str = "c", **params: object) -> str:
    """Submit a job whose script "Good morning." needs approval; return its id when it waits."""
    nodes = {
        "a": diary.probe("Good morning.", "probe.control"),
        "review": {"service": "review.script", "input": {"narration": "$a.text"}},
        "c": {**diary.probe(then, **params), "input": {"text": "$review.narration"}},
    }
    job = live.submit(nodes, [("a", "review"), ("review", "c")]).job
    await_question(live, job)
    return job


def await_question(live: LiveDeployment, job: str) -> None:
    wait_for(lambda: awaited(live.deployment, job), what="the job waits for approval")


def await_record(live: LiveDeployment, job: str) -> None:
    """Until SQL has the question. The job's status does not tell: it waits before the node starts, too."""
    wait_for(lambda: recorded_questions(live.deployment.job(job)), what="SQL has the question")


def spoken(live: LiveDeployment, job: str) -> str:
    record = live.finish(job)
    assert record.status is JobStatus.COMPLETED, record.error
    output = record.node("c").output
    assert output is not None
    return str(output["text"])


def refusal(call: Callable[[], object]) -> WorkbenchError:
    with pytest.raises(WorkbenchError) as caught:
        call()
    return caught.value


def test_the_edited_and_approved_text_is_spoken(live: LiveDeployment, diary: Diary) -> None:
    job = asking(live, diary)
    wait = NodeWait.model_validate(live.await_event(job, "node.waiting", "review").data)
    assert wait.reason is WaitReason.APPROVAL
    assert wait.question is not None and wait.question.text == "Good morning."
    assert awaited(live.deployment, job) == {"review": wait.question}
    assert not live.deployment.bus.leases()
    assert live.run({"other": diary.probe("other", "probe.control")}).status is JobStatus.COMPLETED, (
        "the waiting job must not hold a slot"
    )
    await_record(live, job)

    decision = approve(live.deployment, job, text=f"  {EDIT}\n", author="ada")
    assert (decision.text, decision.edited, decision.author) == (EDIT, True, "ada")
    assert spoken(live, job) == f"c{EDIT}"
    output = live.deployment.job(job).node("review").output
    assert output is not None
    assert (output["approved_by"], output["edited"], output["source"]) == ("ada", True, "person")
    assert output["approved_at"] == pytest.approx(time.time(), abs=60)
    script = TextRef.model_validate(output["script"])
    assert script.author == "ada"
    assert live.deployment.open(script).read_text() == EDIT
    assert live.deployment.job(job).node("review").attempt == 1
    types = [event.type.value for event in live.deployment.events(job) if event.node == "review"]
    assert types == ["node.running", "node.waiting", "node.decided", "node.running", "node.completed"]


def test_an_unchanged_approved_text_keeps_its_author(live: LiveDeployment, diary: Diary) -> None:
    job = asking(live, diary)
    assert not approve(live.deployment, job, "review", author="ada").edited
    assert spoken(live, job) == "cGood morning."
    output = live.deployment.job(job).node("review").output
    assert output is not None
    assert TextRef.model_validate(output["script"]).author is None


def test_a_rejection_fails_the_node_without_a_retry(live: LiveDeployment, diary: Diary) -> None:
    job = asking(live, diary)
    reject(live.deployment, job, reason="too cheerful", author="bob")
    record = live.finish(job)
    assert record.status is JobStatus.FAILED
    error = record.error
    assert error is not None and (error.code, error.details["author"]) == ("review.rejected", "bob")
    assert "too cheerful" in error.message
    assert (record.node("review").status, record.node("c").status) == (NodeStatus.FAILED, NodeStatus.SKIPPED)
    assert not DeadLetters(live.deployment.store.database).list(10, job)
    assert diary.lines() == ["Good"]
    again = retry(live.deployment, job).job
    await_question(live, again)
    approve(live.deployment, again, author="ada")
    assert spoken(live, again) == "cGood morning.", "a retry of a rejected job did not ask again"


def test_a_rejection_can_follow_a_failure_edge(live: LiveDeployment, diary: Diary) -> None:
    nodes = {
        "review": {"service": "review.script", "input": {"narration": "Hello."}},
        "rescue": diary.probe("rescued", "probe.control"),
    }
    job = live.submit(nodes, [("review", "rescue", "on_failure")]).job
    await_question(live, job)
    reject(live.deployment, job, author="bob")
    assert live.finish(job).status is JobStatus.COMPLETED
    assert diary.lines() == ["rescued"]


def test_an_answer_counts_once(live: LiveDeployment, diary: Diary) -> None:
    job = asking(live, diary)
    first = approve(live.deployment, job, text=EDIT, author="ada")
    assert approve(live.deployment, job, text=EDIT, author="ada") == first
    for other in (
        lambda: approve(live.deployment, job, text="Good night.", author="ada"),
        lambda: approve(live.deployment, job, "review", text=EDIT, author="bob"),
        lambda: reject(live.deployment, job, author="ada"),
    ):
        assert refusal(other).code == "review.decided"
    assert spoken(live, job) == f"c{EDIT}"
    assert approve(live.deployment, job, text=EDIT, author="ada") == first, "a repeated answer after the end of the job"
    assert refusal(lambda: reject(live.deployment, job, author="ada")).code == "review.decided"


def test_an_invalid_answer_is_refused(live: LiveDeployment, diary: Diary) -> None:
    job = asking(live, diary)
    answers = {
        "review.not_waiting": [
            lambda: approve(live.deployment, job, "a", author="ada"),
            lambda: approve(live.deployment, job, "nowhere", author="ada"),
        ],
        "review.bad_answer": [
            lambda: approve(live.deployment, job, author="  "),
            lambda: approve(live.deployment, job, text=" \n", author="ada"),
            lambda: approve(live.deployment, job, text="x" * (MAX_TEXT_CHARS + 1), author="ada"),
            lambda: reject(live.deployment, job, reason="x" * 2_001, author="ada"),
            lambda: approve(live.deployment, job, text="a\0b", author="ada"),
            lambda: approve(live.deployment, job, text="a\ud800b", author="ada"),
            lambda: reject(live.deployment, job, reason="a\0b", author="ada"),
            lambda: reject(live.deployment, job, author="a\0b"),
        ],
        "job.unknown": [lambda: approve(live.deployment, "nowhere", author="ada")],
    }
    for code, calls in answers.items():
        assert {refusal(call).code for call in calls} == {code}
    assert awaited(live.deployment, job), "the job no longer waits"
    live.deployment.cancel(job)


def test_a_text_that_the_voice_cannot_speak_is_refused_at_once(live: LiveDeployment) -> None:
    nodes = {
        "review": {"service": "review.script", "input": {"narration": "Hello."}},
        "speech": "generate.hibari_tts",
    }
    job = live.submit(nodes, [("review", "speech")]).job
    await_question(live, job)
    assert refusal(lambda: approve(live.deployment, job, text="Доброе утро.", author="ada")).code == "node.bad_input"
    assert awaited(live.deployment, job)
    live.deployment.cancel(job)


def test_a_cancelled_job_takes_no_answer(live: LiveDeployment, diary: Diary) -> None:
    job = asking(live, diary)
    assert live.deployment.cancel(job)
    assert refusal(lambda: approve(live.deployment, job, author="ada")).code == "review.not_waiting"
    record = live.finish(job)
    assert (record.status, record.node("review").status) == (JobStatus.CANCELLED, NodeStatus.CANCELLED)
    assert awaited(live.deployment, job) == {}
    assert refusal(lambda: approve(live.deployment, job, author="ada")).code == "review.not_waiting"


def test_with_two_waiting_nodes_the_answer_must_name_one(live: LiveDeployment) -> None:
    ask = {"service": "review.script", "input": {"narration": "Hello."}}
    job = live.submit({"one": ask, "two": ask}).job
    wait_for(lambda: len(awaited(live.deployment, job)) == 2)
    error = refusal(lambda: approve(live.deployment, job, author="ada"))
    assert (error.code, error.allowed) == ("review.not_waiting", ["one", "two"])
    approve(live.deployment, job, "one", author="ada")
    approve(live.deployment, job, author="ada")
    assert live.finish(job).status is JobStatus.COMPLETED


def test_a_waiting_job_survives_a_killed_control_plane(live: LiveDeployment, diary: Diary) -> None:
    """Its worker dies with it. The answer arrives while no control plane runs."""
    job = asking(live, diary)
    assert live.control is not None and live.worker is not None
    sigkill(live.control)
    sigkill(live.worker)
    approve(live.deployment, job, text=EDIT, author="ada")
    live.ensure()
    assert spoken(live, job) == f"c{EDIT}"


def test_a_waiting_job_survives_a_wiped_bus(live: LiveDeployment, diary: Diary) -> None:
    job = asking(live, diary)
    await_record(live, job)
    live.deployment.bus.client.flushall()
    wait_for(lambda: live.deployment.bus.marker().phase is Phase.OPEN, what="the deployment is open again")
    assert awaited(live.deployment, job)
    approve(live.deployment, job, text=EDIT, author="ada")
    assert spoken(live, job) == f"c{EDIT}"
    asked = [event for event in live.deployment.events(job) if event.type.value == "node.waiting"]
    assert len(asked) == 1, "the question was asked twice"
    assert diary.lines() == ["Good", "c"]


def test_an_answer_survives_a_bus_that_is_wiped_before_its_delivery(live: LiveDeployment, diary: Diary) -> None:
    job = asking(live, diary)
    await_record(live, job)
    assert live.control is not None
    sigkill(live.control)
    approve(live.deployment, job, text=EDIT, author="ada")
    assert [entry.job for entry in live.deployment.bus.queues.entries()] == [job], "a worker already took it"
    live.deployment.bus.client.flushall()
    live.ensure()
    assert spoken(live, job) == f"c{EDIT}"
    assert diary.lines() == ["Good", "c"]


def test_an_answer_arrives_although_its_client_died_before_it_reached_the_bus(
    live: LiveDeployment, diary: Diary
) -> None:
    job = asking(live, diary)
    decision = Decision(approved=True, text=EDIT, edited=True, author="ada", at=time.time())
    Approvals(live.deployment.store.database).keep(job, "review", decision)
    assert spoken(live, job) == f"c{EDIT}"


def test_an_answer_is_accepted_while_the_bus_is_unreachable(live: LiveDeployment, diary: Diary) -> None:
    job = asking(live, diary)
    await_record(live, job)
    assert live.bus_process is not None
    sigkill(live.bus_process)
    assert awaited(live.deployment, job), "SQL has the question"
    approve(live.deployment, job, text=EDIT, author="ada")
    assert awaited(live.deployment, job) == {}
    live.ensure()
    assert spoken(live, job) == f"c{EDIT}"


def test_a_retry_keeps_the_approval_and_a_rerun_asks_again(live: LiveDeployment, diary: Diary) -> None:
    job = asking(live, diary, bad_input=True)
    approve(live.deployment, job, text=EDIT, author="ada")
    assert live.finish(job).status is JobStatus.FAILED
    retried = retry(live.deployment, job).job
    record = live.finish(retried)
    assert record.node("review").cached and record.node("review").output is not None
    assert awaited(live.deployment, retried) == {}
    again = rerun(live.deployment, job, params={"c": {"bad_input": False}}).job
    await_question(live, again)
    approve(live.deployment, again, text="Good night.", author="ada")
    assert spoken(live, again) == "cGood night."


def test_a_retry_keeps_an_approval_that_was_not_used(live: LiveDeployment, diary: Diary) -> None:
    job = asking(live, diary)
    assert live.control is not None
    sigkill(live.control)
    approve(live.deployment, job, text=EDIT, author="ada")
    live.deployment.cancel(job)
    live.ensure()
    assert live.finish(job).status is JobStatus.CANCELLED
    retried = retry(live.deployment, job).job
    assert spoken(live, retried) == f"c{EDIT}"
    output = live.deployment.job(retried).node("review").output
    assert output is not None and output["approved_by"] == "ada"


def test_another_worker_continues_when_a_worker_dies_with_the_answer(
    live: LiveDeployment, diary: Diary, tmp_path: Path
) -> None:
    """The worker that should save the approved text dies as soon as it has the segment; another worker saves it."""
    job = asking(live, diary)
    assert live.control is not None
    sigkill(live.control)
    approve(live.deployment, job, text=EDIT, author="ada")
    mark = tmp_path / "mark"
    fate = {"WORKBENCH_CRASH_AT": CrashPoint.TAKE_ANSWERED.value, "WORKBENCH_CRASH_MARK": str(mark)}
    live.start_role("control", **fate).wait(60)
    assert mark.read_text() == CrashPoint.TAKE_ANSWERED
    live.ensure()
    assert spoken(live, job) == f"c{EDIT}"
    assert live.deployment.job(job).node("review").status is NodeStatus.COMPLETED
