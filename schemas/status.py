"""The states of nodes and jobs: one meaning a member, one transition table each."""

from __future__ import annotations

from enum import StrEnum


class NodeStatus(StrEnum):
    """What is true of one node of one job."""

    PENDING = "pending"  # parents are not all final
    READY = "ready"  # may run; its segment is enqueued, or an earlier node of its chain is running
    WAITING = "waiting"  # parked without a worker: see WaitReason
    RUNNING = "running"  # an executor holds the segment's lease and is on this node
    COMPLETED = "completed"  # its output is visible
    FAILED = "failed"  # its last attempt failed
    SKIPPED = "skipped"  # all parents are final and no incoming edge fired
    CANCELLED = "cancelled"  # the job was cancelled before the node was final

    @property
    def final(self) -> bool:
        return self in FINAL_NODE_STATUSES


class WaitReason(StrEnum):
    """Why a node waits without a worker; stands in the data of its node.waiting event."""

    SAME_COMPUTATION = "same_computation"  # another job computes this very thing
    RETRY_AT = "retry_at"  # its last attempt failed a moment ago
    NO_WORKER = "no_worker"  # nobody offers its service with its version, code, weights and packages
    APPROVAL = "approval"  # a person is asked
    INPUT_LOST = "input_lost"  # bytes it needs are damaged or gone; the node that made them runs again


class JobStatus(StrEnum):
    """What is true of one job."""

    ACCEPTED = "accepted"  # in SQL, perhaps not yet on the bus
    RUNNING = "running"  # a node has started
    WAITING = "waiting"  # nothing can run until something outside happens
    COMPLETED = "completed"  # every node is final and every failure was handled
    FAILED = "failed"  # every node is final and a failure was not handled
    CANCELLED = "cancelled"  # a person stopped it

    @property
    def final(self) -> bool:
        return self in FINAL_JOB_STATUSES


class EdgeKind(StrEnum):
    """When an edge fires, once its parent is final."""

    NORMAL = "normal"  # the same as on_success
    ON_SUCCESS = "on_success"  # the parent completed
    ON_FAILURE = "on_failure"  # the parent failed its last attempt; makes that failure handled

    def fires(self, parent: NodeStatus) -> bool:
        """Whether an edge of this kind fires for a parent in that final status."""
        if self is EdgeKind.ON_FAILURE:
            return parent is NodeStatus.FAILED
        return parent is NodeStatus.COMPLETED


class Lane(StrEnum):
    """Which of the queues of a pool a job waits in; an earlier one is emptied first."""

    INTERACTIVE = "interactive"  # somebody is waiting for it
    BATCH = "batch"  # nobody is: it is taken when no interactive job waits


class Plane(StrEnum):
    CONTROL = "control"  # light: LLM calls, planning, merging, recording
    DATA = "data"  # heavy: speech, video, training


_N = NodeStatus
FINAL_NODE_STATUSES = frozenset({_N.COMPLETED, _N.FAILED, _N.SKIPPED, _N.CANCELLED})
NODE_TRANSITIONS: dict[NodeStatus, frozenset[NodeStatus]] = {
    _N.PENDING: frozenset({_N.READY, _N.RUNNING, _N.COMPLETED, _N.SKIPPED, _N.CANCELLED}),
    _N.READY: frozenset({_N.RUNNING, _N.WAITING, _N.COMPLETED, _N.FAILED, _N.SKIPPED, _N.CANCELLED}),
    _N.WAITING: frozenset({_N.READY, _N.RUNNING, _N.COMPLETED, _N.FAILED, _N.CANCELLED}),
    _N.RUNNING: frozenset({_N.READY, _N.WAITING, _N.COMPLETED, _N.FAILED, _N.CANCELLED}),
    **{final: frozenset() for final in FINAL_NODE_STATUSES},
    # The one way back, while the job is open: its bytes are lost and a node behind it needs them (bus/lua/remake.lua).
    _N.COMPLETED: frozenset({_N.READY}),
}

_J = JobStatus
FINAL_JOB_STATUSES = frozenset({_J.COMPLETED, _J.FAILED, _J.CANCELLED})
JOB_TRANSITIONS: dict[JobStatus, frozenset[JobStatus]] = {
    _J.ACCEPTED: frozenset({_J.RUNNING, _J.WAITING, *FINAL_JOB_STATUSES}),
    _J.RUNNING: frozenset({_J.WAITING, *FINAL_JOB_STATUSES}),
    _J.WAITING: frozenset({_J.RUNNING, *FINAL_JOB_STATUSES}),
    **{final: frozenset() for final in FINAL_JOB_STATUSES},
}
