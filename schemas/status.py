"""The states of nodes and jobs: one meaning per member, one transition table per enum."""

from __future__ import annotations

from enum import StrEnum


class NodeStatus(StrEnum):
    """The state of one node of one job."""

    PENDING = "pending"  # not all parents are final
    READY = "ready"  # may run: its segment is queued, or an earlier node of its segment is running
    WAITING = "waiting"  # waits without occupying a worker: see WaitReason
    RUNNING = "running"  # an executor holds the segment's lease and runs this node
    COMPLETED = "completed"  # its output is visible
    FAILED = "failed"  # its last attempt failed
    SKIPPED = "skipped"  # all parents are final and no incoming edge fired
    CANCELLED = "cancelled"  # the job was cancelled before the node was final

    @property
    def final(self) -> bool:
        return self in FINAL_NODE_STATUSES


class WaitReason(StrEnum):
    """Why a node waits without occupying a worker; part of the data of its node.waiting event."""

    SAME_COMPUTATION = "same_computation"  # another job is computing the same result
    RETRY_AT = "retry_at"  # its last attempt failed, and the next one is scheduled
    NO_WORKER = "no_worker"  # no worker provides its service with its version, code, weights and packages
    APPROVAL = "approval"  # it waits for a person's answer
    INPUT_LOST = "input_lost"  # an input is damaged or missing; the node that produced it runs again
    NEXT_PART = "next_part"  # it takes an input in parts, and the next one is not finished


class JobStatus(StrEnum):
    """The state of one job."""

    ACCEPTED = "accepted"  # in SQL, perhaps not yet on the bus
    RUNNING = "running"  # a node is running
    WAITING = "waiting"  # started, and no node is running: it waits for a worker, a person, a retry, another job
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
    ON_FAILURE = "on_failure"  # the parent failed its last attempt; the edge handles that failure

    def fires(self, parent: NodeStatus) -> bool:
        """Whether an edge of this kind fires for a parent in this final status."""
        if self is EdgeKind.ON_FAILURE:
            return parent is NodeStatus.FAILED
        return parent is NodeStatus.COMPLETED


class Lane(StrEnum):
    """The queue of a worker pool that a job waits in; workers empty the earlier one first."""

    INTERACTIVE = "interactive"  # a person is waiting for the result
    BATCH = "batch"  # runs only while no interactive job waits


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
    # The only way back, while the job is open: its bytes are lost and a later node needs them (bus/lua/remake.lua).
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
