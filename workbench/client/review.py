"""A job's question to a person, and the answer: stored in SQL first, then sent to the bus."""

from __future__ import annotations

import time

import orjson
import structlog

from nodes.registry import services
from schemas.approval import MAX_REASON_CHARS, Decision, Question
from schemas.errors import WorkbenchError
from schemas.event import NodeWait
from schemas.job import JobRecord
from workbench.bus.connection import BUS_UNREACHABLE
from workbench.bus.results import Verdict
from workbench.client.deployment import Deployment
from workbench.engine.binding import references
from workbench.engine.existing_results import recorded_questions
from workbench.store.approvals import Approvals

log = structlog.get_logger()
MAX_AUTHOR_CHARS = 200


def awaited(deployment: Deployment, job: str) -> dict[str, Question]:
    """The job's open questions, by node. Raises WorkbenchError (job.unknown)."""
    return _open_questions(deployment, deployment.job(job))


def _open_questions(deployment: Deployment, record: JobRecord) -> dict[str, Question]:
    """Queries the bus first, and SQL if the bus does not have the job."""
    if record.status.final:
        return {}
    try:
        waits = deployment.bus.asked(record.id, [node.id for node in record.graph.nodes])
    except BUS_UNREACHABLE:
        waits = None
    if waits is None:
        decided = Approvals(deployment.store.database).of(record.id)
        waits = {node: why for node, why in recorded_questions(record).items() if node not in decided}
    found = {node: NodeWait.model_validate(orjson.loads(why)).question for node, why in waits.items()}
    return {node: question for node, question in found.items() if question is not None}


def approve(
    deployment: Deployment, job: str, node: str | None = None, *, text: str | None = None, author: str
) -> Decision:
    """Approve the text that a job asks about, or a replacement text. The job continues.

    Args:
        node: the node to answer; optional if only one waits.

    Returns the valid decision; a repeated call changes nothing. The decision is stored at once. If the bus is
    unreachable, the control plane delivers it later. Raises WorkbenchError: job.unknown, review.not_waiting,
    review.decided, review.bad_answer, and the errors of a node that takes the text.
    """
    record = deployment.job(job)
    node, question = _asked(deployment, record, node)
    if text is not None:
        text = text.strip()
        _check_text(text, question)
        _check_readers(record, node, text)
    approved = question.text if text is None else text
    edited = approved != question.text
    decision = Decision(approved=True, text=approved, edited=edited, author=_author(author), at=time.time())
    return _decide(deployment, record, node, decision)


def reject(deployment: Deployment, job: str, node: str | None = None, *, reason: str = "", author: str) -> Decision:
    """Reject the text that a job asks about. The node fails with review.rejected. Otherwise like ``approve``."""
    record = deployment.job(job)
    node, _ = _asked(deployment, record, node)
    reason = reason.strip()
    _check_characters(reason, "reason")
    if len(reason) > MAX_REASON_CHARS:
        raise _bad_answer("the reason is too long", "reason", f"{len(reason)} characters", MAX_REASON_CHARS)
    decision = Decision(approved=False, author=_author(author), reason=reason, at=time.time())
    return _decide(deployment, record, node, decision)


def carry_over(deployment: Deployment, record: JobRecord, to: str) -> None:
    """Copy the unused approvals of a job to the job that continues it.

    An approval contains the approved text, so it is valid whatever the new question is.
    """
    approvals = Approvals(deployment.store.database)
    unused = {node.id for node in record.nodes if node.output is None}
    for node, decision in approvals.of(record.id).items():
        if decision.approved and node in unused:
            approvals.keep(to, node, decision)
            _send(deployment, to, node, decision)


def _decide(deployment: Deployment, record: JobRecord, node: str, decision: Decision) -> Decision:
    stands, new = Approvals(deployment.store.database).keep(record.id, node, decision)
    if not stands.same_answer(decision):
        raise WorkbenchError(
            "review.decided",
            f"{stands.author} has already {'approved' if stands.approved else 'rejected'} it",
            where=f"job {record.id}: node {node}",
            seen=stands.text or stands.reason,
            remedy="The first answer is valid. To answer again, run the job again.",
        )
    # For a repeated answer the job may have ended because of it, and SQL hears of that a moment later than the bus.
    if _send(deployment, record.id, node, stands) is Verdict.FINAL and new:
        raise WorkbenchError(
            "review.not_waiting",
            "the job ended before the answer arrived",
            where=f"job {record.id}: node {node}",
            remedy="`workbench job show` shows the reason. To answer again, run the job again.",
        )
    return stands


def _send(deployment: Deployment, job: str, node: str, decision: Decision) -> Verdict | None:
    """Send the decision to the bus. None if the bus is unreachable."""
    try:
        return deployment.bus.decide(job, node, decision.to_json())
    except BUS_UNREACHABLE as error:
        log.warning("decision stored; the control plane will deliver it", job=job, node=node, error=str(error))
        return None


def _asked(deployment: Deployment, record: JobRecord, node: str | None) -> tuple[str, Question]:
    """The selected node and its question. An answered node still counts, because an answer may be repeated."""
    if node is not None and node not in {known.id for known in record.graph.nodes}:
        raise WorkbenchError(
            "review.not_waiting",
            f"the job has no node {node}",
            where=f"job {record.id}",
            seen=node,
            allowed=[known.id for known in record.graph.nodes],
            remedy="Name the node that waits, or omit the node.",
        )
    open_now = _open_questions(deployment, record)
    if node is None and len(open_now) == 1:
        return next(iter(open_now.items()))
    if node in open_now:
        assert node is not None
        return node, open_now[node]
    if not open_now or node is not None:
        decided = Approvals(deployment.store.database).of(record.id)
        wanted = node if node is not None else next(iter(decided)) if len(decided) == 1 else None
        if wanted in decided:
            assert wanted is not None
            return wanted, _question_before(deployment, record, wanted)
    state = record.status.value if node is None else record.node(node).status.value
    raise WorkbenchError(
        "review.not_waiting",
        "several nodes wait for an answer" if open_now and node is None else "no node waits for an answer",
        where=f"job {record.id}" + (f": node {node}" if node else ""),
        seen=state,
        allowed=sorted(open_now) or "a node that waits for approval",
        remedy="Name one of them." if open_now else "`workbench job show` shows the state of the job.",
    )


def _question_before(deployment: Deployment, record: JobRecord, node: str) -> Question:
    """The question of an answered node, for a repeated answer."""
    decision = Approvals(deployment.store.database).of(record.id)[node]
    for event in reversed(deployment.store.events(record.id)):
        if event.node == node and event.data.get("question"):
            return Question.model_validate(event.data["question"])
    return Question(sentence="", text="" if decision.edited else decision.text)


def _check_text(text: str, question: Question) -> None:
    _check_characters(text, "text")
    if not text:
        raise _bad_answer("the text is empty", "text", "nothing", f"up to {question.max_chars} characters")
    if len(text) > question.max_chars:
        raise _bad_answer("the text is too long", "text", f"{len(text)} characters", question.max_chars)


def _check_readers(record: JobRecord, node: str, text: str) -> None:
    """Let the nodes that take the text check it, as at submit, so that unusable text is refused now."""
    declared = services()
    for reader in record.graph.nodes:
        declaration = declared.get(reader.service)
        if declaration is None or declaration.check is None:
            continue
        taken = [
            name
            for name, value in reader.input.items()
            if any((ref.node, ref.output) == (node, "narration") for ref in references(value))
        ]
        if taken:
            declaration.check(declaration.params.model_validate(reader.params), dict.fromkeys(taken, text))


def _check_characters(text: str, where: str) -> None:
    """Raises WorkbenchError (review.bad_answer) for characters that a database cannot store."""
    strange = next((char for char in text if char == "\0" or "\ud800" <= char <= "\udfff"), None)
    if strange is not None:
        raise _bad_answer(
            "the answer contains an invalid Unicode character", where, f"U+{ord(strange):04X}", "Unicode text"
        )


def _author(author: str) -> str:
    _check_characters(author, "author")
    author = " ".join(author.split())
    if not author or len(author) > MAX_AUTHOR_CHARS:
        allowed = f"a name of up to {MAX_AUTHOR_CHARS} characters"
        raise _bad_answer("the answer has no valid author", "author", author or "nothing", allowed)
    return author


def _bad_answer(message: str, where: str, seen: object, allowed: object) -> WorkbenchError:
    return WorkbenchError("review.bad_answer", message, where=where, seen=seen, allowed=allowed, remedy="Correct it.")
