"""A deployment in which everything happens one step at a time: who takes, who dies, what is lost, in any order.

The scripts, the reconciler, the recorder, the reaper and SQL are the real ones. Only the executors are played: a hand
walks through its segment as one would, claims before it computes, and may fall silent and wake at the worst moment.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from schemas.approval import Decision, Question
from schemas.event import Event, EventType, NodeLoss, NodeResult, NodeWait
from schemas.graph import Graph
from schemas.job import NewJob
from schemas.status import JobStatus, Lane, NodeStatus, WaitReason
from tests.bus.driver import Hand, failure_of
from tests.engine.graphs import expected
from workbench.bus import scripts
from workbench.bus.bus import Bus
from workbench.bus.connection import run_id
from workbench.bus.fields import EntryField
from workbench.bus.results import Lease, Verdict
from workbench.control.reaper import Reaper
from workbench.control.reconciler import Reconciler
from workbench.control.recorder import Recorder
from workbench.engine.content import graph_hash
from workbench.engine.existing_results import recorded_questions
from workbench.engine.plan import plan
from workbench.engine.streaming import find_streams, producers_of
from workbench.engine.validate import Checked
from workbench.settings import Settings
from workbench.store.jobs import JobStore

POOLS = ("control", "data.cpu", "data.elsewhere")
LEASE_S = 1.0
PARTS = 2  # of a node whose output another takes in parts
WHY = NodeWait(reason=WaitReason.APPROVAL, question=Question(sentence="Well?", text="text")).to_json()
LOST = NodeWait(reason=WaitReason.INPUT_LOST, artifact="0" * 64).to_json()
LOSS = NodeLoss(artifact="0" * 64, reader="somebody").to_json()


@dataclass
class Submitted:
    """An accepted job: its graph, and which nodes fail whenever they run."""

    checked: Checked
    fails: frozenset[str]
    cancelled: bool = False


@dataclass
class PlayedWorker:
    """A worker's supervisor: the segment in its hands, and what it computes for everybody."""

    name: str
    hand: Hand | None = None
    lease: Lease | None = None
    ends: dict[str, tuple[str, bytes]] = field(default_factory=dict)
    claims: dict[str, str] = field(default_factory=dict)
    parts: dict[str, list[bytes]] = field(default_factory=dict)  # finished parts by node
    received: Counter[str] = field(default_factory=Counter)  # parts that the node in its hands has taken, by producer
    known: str = ""

    def drop(self) -> None:
        self.hand, self.lease, self.received = None, None, Counter()
        self.ends, self.claims, self.parts = {}, {}, {}


class World:
    """One deployment. Every public method is a step; each checks what it can see."""

    def __init__(self, settings: Settings, store: JobStore, workers: int = 3) -> None:
        self.bus = Bus(settings.bus_url, settings.namespace, control=True)
        self.store = store
        self.reconciler = Reconciler(settings, store)
        self.approvals = self.reconciler.approvals
        self.recorder = Recorder(settings, store)
        self.recorder.bus = self.bus
        self.reaper = Reaper(settings)
        self.reaper.bus = self.bus
        self.workers = [PlayedWorker(f"w{index}") for index in range(workers)]
        self.silent: list[PlayedWorker] = []  # taken for dead; they may wake
        self.jobs: dict[str, Submitted] = {}
        self.executed: Counter[tuple[str, str]] = Counter()
        self.answers: Counter[Verdict] = Counter()  # to requests for parts
        self.computing: dict[str, str] = {}  # content key -> fence of the lease that computes it
        self.highest = (0, 0)
        self.now = 0.0
        self.snapshot: dict[bytes, bytes] | None = None
        self._count = 0
        self.log: list[str] = []
        scripts.load_all(self.bus.client)
        epoch = store.raise_epoch()
        assert self.bus.begin_epoch(epoch, run_id(self.bus.client)) is Verdict.OK
        self.reconciler.recall(epoch)
        self.reconciler.open(epoch)

    # -- clients ----------------------------------------------------------------------------------------------------

    def submit(self, checked: Checked, fails: frozenset[str], lane: Lane, *, twice: bool = False) -> str:
        """Accept a job, as a client whose answer may get lost does: SQL first, then the bus."""
        self._count += 1
        job = f"{self.bus.keys.namespace}-{self._count}"
        new = NewJob(
            id=job, graph=checked.graph, graph_hash=graph_hash(checked.graph), lane=lane, created_at=self._count
        )
        self.store.create(new)
        self.jobs[job] = Submitted(checked, fails)
        epoch = self.bus.marker().epoch
        planned = plan(job, checked, seed=0, results={}, lane=lane)
        assert self.bus.accept(planned, epoch) is Verdict.OK
        if twice:
            assert self.bus.accept(planned, epoch) is Verdict.EXISTS
        return job

    def cancel(self, job: str) -> None:
        """A person stops a job."""
        if self.bus.cancel(job) is Verdict.OK:
            self.jobs[job].cancelled = True
        for key, fence in list(self.computing.items()):
            if fence not in self._live_fences():
                del self.computing[key]

    # -- workers ----------------------------------------------------------------------------------------------------

    def take(self, worker: PlayedWorker, pool: str, *, lose_answer: bool = False) -> None:
        """A worker without work asks for some. An answer that is lost is given again."""
        assert worker.hand is None
        taken = self.bus.take(worker.name, worker.known, pool, block=False)
        if lose_answer and taken is not None:
            assert self.bus.take(worker.name, worker.known, pool, block=False) == taken
        if taken is None:
            return
        epoch, n = (int(part) for part in taken.lease.fence.split(":"))
        assert (epoch, n) > self.highest, "fences never fall"
        self.highest = (epoch, n)
        worker.known, worker.hand, worker.lease = taken.lease.fence, Hand.of(taken), taken.lease
        final = {name: status for name, status in taken.status.items() if NodeStatus(status).final}
        worker.ends = {name: (status, taken.results.get(name, b"{}")) for name, status in final.items()}
        worker.parts = {name: list(parts) for name, parts in taken.parts.items()}

    def work(self, worker: PlayedWorker, *, fail_once: bool = False, again: bool = False) -> Verdict | None:
        """Run one node of the worker's segment. Returns the answer, None where it had nothing to do."""
        if worker.hand is None or worker.lease is None:
            return None
        held = self._holds(worker)
        node = worker.hand.next_node()
        if node is None:
            worker.drop()
            return None
        lease, job = worker.lease, self.jobs[worker.lease.job]
        if job.checked.declarations[node].asks and not fail_once:
            verdict_or_rejected = self._ask(worker, node, held, again)
            if verdict_or_rejected is not None:
                return verdict_or_rejected
        key = self._content_key(job, node)
        if key and node not in worker.claims:
            verdict, known = self.bus.claim(lease, node, key)
            if verdict is Verdict.KNOWN:
                assert held and known is not None
                return self._commit(worker, node, known, "", held, again)
            if verdict is not Verdict.OK:
                assert verdict is Verdict.PARKED or not held, verdict
                worker.drop()
                return verdict
            other = self.computing.get(key)
            assert other is None or other == lease.fence or other not in self._live_fences(), "computed twice at once"
            self.computing[key] = lease.fence
            worker.claims[node] = key
        if fail_once:
            verdict = self.bus.fail(lease, node, failure_of(node), retry=True, delay_s=0.5 if again else 0.0)
            assert held == (verdict in (Verdict.RETRY, Verdict.FINAL, Verdict.YIELD)), verdict
            worker.drop()
            return verdict
        if node in job.fails:
            verdict = self.bus.fail(lease, node, failure_of(node), retry=False)
            assert held == (verdict in (Verdict.FINAL, Verdict.YIELD)), verdict
            if verdict is Verdict.FINAL:
                self.executed[lease.job, node] += 1
                worker.hand.status[node] = NodeStatus.FAILED
                worker.ends[node] = (NodeStatus.FAILED, failure_of(node))
                worker.claims.pop(node, None)
                if worker.hand.next_node() is None:
                    worker.drop()
            else:
                worker.drop()
            return verdict
        producers = self._producers(worker, node)
        if any(node in named for named in self._streams(worker).values()) or producers:
            verdict = self._pass_parts(worker, node, producers, held)
            if verdict is not None:
                return verdict
        if held:
            self.executed[lease.job, node] += 1
        return self._commit(worker, node, self._result(node, key), key, held, again)

    def _pass_parts(self, worker: PlayedWorker, node: str, producers: list[str], held: bool) -> Verdict | None:
        """A node takes a part or makes one of its own. None if it has all of both."""
        assert worker.lease is not None
        made = worker.parts.setdefault(node, [])
        wanted = PARTS
        for producer in producers:
            if producer in worker.ends:
                continue
            wanted = worker.received[producer]  # it makes one of each that it has taken
            if len(made) < wanted:
                break
            seen = worker.received[producer]
            look = self.bus.receive(worker.lease, node, producer, seen, None)
            got = self.bus.receive(worker.lease, node, producer, seen)
            assert look.verdict is Verdict.OK if got.verdict is Verdict.PARKED else look == got
            assert held == (got.verdict in (Verdict.PARTS, Verdict.END, Verdict.PARKED)), got
            self.answers[got.verdict] += 1
            if got.verdict is Verdict.PARTS:
                for part in got.parts:
                    assert part == b"%s %d" % (producer.encode(), worker.received[producer]), "parts come in order"
                    worker.received[producer] += 1
            elif got.verdict is Verdict.END:
                worker.ends[producer] = (NodeStatus.COMPLETED, got.result)
            else:
                worker.drop()
            return got.verdict
        if len(made) >= wanted:
            return None
        part = b"%s %d" % (node.encode(), len(made))
        verdict = self.bus.part(worker.lease, node, len(made), part)
        assert held == (verdict is Verdict.OK), verdict
        if verdict is Verdict.OK:
            made.append(part)
        else:
            worker.drop()
        return verdict

    def _streams(self, worker: PlayedWorker) -> dict[str, tuple[str, ...]]:
        """Producers by consumer, in the worker's job."""
        assert worker.lease is not None
        checked = self.jobs[worker.lease.job].checked
        streams = find_streams(checked.graph, checked.declarations)
        return {consumer: producers_of(streams, consumer) for consumer in streams}

    def _producers(self, worker: PlayedWorker, node: str) -> list[str]:
        return list(self._streams(worker).get(node, ()))

    def lose(self, worker: PlayedWorker) -> Verdict | None:
        """The node that is next finds the bytes lost that nodes before it made: they run again, and it waits."""
        if worker.hand is None or worker.lease is None:
            return None
        held, node = self._holds(worker), worker.hand.next_node()
        makers = [name for name, (status, _) in worker.ends.items() if status == NodeStatus.COMPLETED]
        if node is not None and worker.received.total():
            makers = self._producers(worker, node)  # one of the parts that it has taken
        if node is None or not makers:
            return None
        verdict = self.bus.remake(worker.lease, node, makers, why=LOST, loss=LOSS)
        assert held == (verdict in (Verdict.RETRY, Verdict.FINAL)), verdict
        if verdict is not Verdict.FINAL:  # FINAL: it did not help three times, and changed nothing
            worker.drop()
        return verdict

    def _commit(self, worker: PlayedWorker, node: str, body: bytes, key: str, held: bool, again: bool) -> Verdict:
        assert worker.lease is not None and worker.hand is not None
        verdict, _ = self.bus.commit(worker.lease, node, body, content_key=key)
        assert held == (verdict in (Verdict.OK, Verdict.YIELD)), (verdict, worker)
        if held and again:
            assert self.bus.commit(worker.lease, node, body, content_key=key)[0] is Verdict.AGAIN
        if verdict is not Verdict.OK:
            worker.drop()
            return verdict
        worker.ends[node] = (NodeStatus.COMPLETED, body)
        worker.claims.pop(node, None)
        self.computing.pop(key, None)
        worker.hand.status[node] = NodeStatus.COMPLETED
        if worker.hand.next_node() is None:
            worker.drop()
        return verdict

    def _ask(self, worker: PlayedWorker, node: str, held: bool, again: bool) -> Verdict | None:
        """A node that asks a person: its segment waits, or goes on with the answer."""
        assert worker.lease is not None
        verdict, found = self.bus.ask(worker.lease, node, WHY)
        assert held == (verdict in (Verdict.OK, Verdict.PARKED)), verdict
        if verdict is not Verdict.OK:
            worker.drop()
            return verdict
        assert found is not None
        decision = Decision.model_validate_json(found)
        assert decision == self.approvals.of(worker.lease.job)[node], "what SQL has is what counts"
        if not decision.approved:
            return None
        self.executed[worker.lease.job, node] += 1
        return self._commit(worker, node, self._result(node, ""), "", held, again)

    def answer(self, job: str, *, tell: bool = True) -> bool:
        """A person answers what the job asks, if it does. SQL first; the client may die before the bus hears of it."""
        record = self.store.get(job)
        assert record is not None
        waits = self.bus.asked(job, [node.id for node in record.graph.nodes])
        if waits is None:
            waits = recorded_questions(record)
        for node in waits:
            given = Decision(approved=node not in self.jobs[job].fails, text=node, author=f"p{self._count}", at=1.0)
            stands, _ = self.approvals.keep(job, node, given)
            if tell:
                self.bus.decide(job, node, stands.to_json())
        return bool(waits)

    def hand_over(self) -> None:
        """The control plane tells the bus of decisions that only SQL has."""
        self.reconciler.deliver_decisions()

    def beat(self, worker: PlayedWorker) -> None:
        """A heartbeat."""
        if worker.lease is not None:
            held = self._holds(worker)
            verdict = self.bus.renew(worker.lease)
            assert held == (verdict is Verdict.OK), verdict
            if not held:
                worker.drop()

    def release(self, worker: PlayedWorker) -> None:
        """A worker drains."""
        if worker.lease is not None:
            assert self._holds(worker) == (self.bus.release(worker.lease) is Verdict.OK)
            worker.drop()

    def crash(self, worker: PlayedWorker) -> None:
        """A worker dies; another starts in its place, under a name of its own."""
        self._count += 1
        worker.drop()
        worker.name, worker.known = f"{worker.name.split('.')[0]}.{self._count}", ""

    def stall(self, worker: PlayedWorker) -> None:
        """A worker is stopped with a segment in its hands; another starts beside it."""
        if worker.hand is not None:
            self.silent.append(worker)
            self._count += 1
            self.workers[self.workers.index(worker)] = PlayedWorker(f"{worker.name.split('.')[0]}.{self._count}")

    def awake(self, index: int) -> None:
        """A stopped worker wakes and goes on with what it had, as if nothing had happened."""
        worker = self.silent.pop(index)
        self.work(worker)

    # -- the control plane ------------------------------------------------------------------------------------------

    def reap(self) -> None:
        """A lease's time goes by on the reaper's clock; live workers beat in between."""
        self.reaper.check(self.now)
        for _ in range(3):
            self.now += LEASE_S * 0.45
            for worker in self.workers:
                self.beat(worker)
            self.reaper.check(self.now)

    def record(self) -> None:
        """The recorder writes what there is."""
        while self.recorder.step():
            pass

    def duplicate_entries(self) -> None:
        """Queue entries are delivered twice, and in another order."""
        for entry in reversed(self.bus.queues.entries()):
            fields: Any = {EntryField.JOB.value: entry.job, EntryField.SEGMENT.value: entry.segment}
            self.bus.client.xadd(self.bus.keys.queue(entry.pool, entry.lane), fields)

    def remember(self) -> None:
        """What reaches the disk of the bus."""
        keys = list(self.bus.client.scan_iter(f"{self.bus.keys.prefix}*", count=1000))
        self.snapshot = {key: self.bus.client.dump(key) for key in keys}

    def lose_memory(self, *, all_of_it: bool, presenting: list[PlayedWorker]) -> None:
        """The bus is wiped, or comes back as it was some time ago. The control plane takes it over."""
        keys = list(self.bus.client.scan_iter(f"{self.bus.keys.prefix}*", count=1000))
        self.bus.client.delete(*keys)
        if not all_of_it and self.snapshot is not None:
            for key, value in self.snapshot.items():
                self.bus.client.restore(key, 0, value)
        self.snapshot = None
        self.computing.clear()
        epoch = max(self.store.raise_epoch(), self.bus.marker().epoch + 1)
        assert self.bus.begin_epoch(epoch, run_id(self.bus.client)) is Verdict.OK
        self.reconciler.recall(epoch)
        for worker in presenting:
            self._present(worker)
        self.reconciler.open(epoch)
        for worker in self.workers:
            if worker.lease is not None and not worker.lease.fence.startswith(f"{epoch}:"):
                worker.drop()  # it came too late
        # A job that nobody recorded as cancelled lives again with what was lost.
        for job, submitted in self.jobs.items():
            if submitted.cancelled:
                record = self.store.get(job)
                assert record is not None
                on_bus = self.bus.client.hget(self.bus.keys.job(job), "status")
                submitted.cancelled = record.status is JobStatus.CANCELLED or on_bus == b"cancelled"

    def _present(self, worker: PlayedWorker) -> None:
        if worker.lease is None:
            return
        verdict, fence = self.bus.adopt(
            worker.lease, worker.name, worker.ends, claims=worker.claims, parts=worker.parts
        )
        if verdict is not Verdict.OK:
            worker.drop()
            return
        worker.lease = Lease(worker.lease.job, worker.lease.segment, fence)
        for key in worker.claims.values():
            self.computing.setdefault(key, fence)

    # -- what must hold ---------------------------------------------------------------------------------------------

    def finish(self) -> None:
        """Nothing bad happens any more: everything ends, and everything that must hold is looked at."""
        for worker in [*self.workers, *self.silent]:
            worker.drop()
        self.silent.clear()
        for _ in range(40 * (len(self.jobs) + 2)):
            self.reap()
            self.hand_over()
            busy = sum(self.answer(job) for job in self.jobs if self._unfinished(job)) > 0
            for worker in self.workers:
                for pool in POOLS:
                    if worker.hand is None:
                        self.take(worker, pool)
                while worker.hand is not None:
                    busy = True
                    self.work(worker)
            if (
                not busy
                and not self.bus.leases()
                and not self.bus.queues.entries()
                and not self.bus.leases_and_delays()[1]
            ):
                break
        self.record()
        for job, submitted in self.jobs.items():
            check_job(self.store, job, submitted)
        left = [key.decode() for key in self.bus.client.scan_iter(f"{self.bus.keys.prefix}*", count=1000)]
        assert not [
            key for key in left if ":job:" in key or ":flights" in key or ":waiters" in key or ":delayed" in key
        ]

    def _unfinished(self, job: str) -> bool:
        record = self.store.get(job)
        return record is not None and not record.status.final

    def close(self) -> None:
        keys = list(self.bus.client.scan_iter(f"{self.bus.keys.prefix}*", count=1000))
        if keys:
            self.bus.client.delete(*keys)
        for bus in (self.bus, self.reconciler.bus):
            bus.close()

    def _live_fences(self) -> set[str]:
        return {held.fence for held in self.bus.leases()}

    def _holds(self, worker: PlayedWorker) -> bool:
        assert worker.lease is not None
        lease, epoch = worker.lease, self.bus.marker().epoch
        return lease.fence.startswith(f"{epoch}:") and any(
            (held.job, held.segment, held.fence) == (lease.job, lease.segment, lease.fence)
            for held in self.bus.leases()
        )

    def _content_key(self, job: Submitted, node: str) -> str:
        """Nodes of the cached probe that were given the same value are the same computation."""
        found = job.checked.graph.node(node)
        return f"key-{found.params['value']}" if found.service == "probe.cached" else ""

    def _result(self, node: str, key: str) -> bytes:
        return NodeResult(output={"text": key or node, "file": None}, content_key=key).to_json()


def check_job(store: JobStore, job: str, submitted: Submitted) -> None:
    """The job's end is as its graph says, every node ended once, and statuses followed the table."""
    record = store.get(job)
    assert record is not None and record.status.final, f"{job} is lost: {record and record.status}"
    graph: Graph = submitted.checked.graph
    if not submitted.cancelled:
        outcomes = {node.id: node.id not in submitted.fails for node in graph.nodes}
        wanted = expected(graph, submitted.checked.order, outcomes, set())
        assert {node.id: node.status for node in record.nodes} == wanted, job
    else:
        assert record.status is JobStatus.CANCELLED, job
    check_history(store.events(job))


_BY_EVENT = {
    EventType.NODE_RUNNING: NodeStatus.RUNNING,
    EventType.NODE_WAITING: NodeStatus.WAITING,
    EventType.NODE_DECIDED: NodeStatus.READY,
    EventType.NODE_READY: NodeStatus.READY,
    EventType.NODE_RETRYING: NodeStatus.READY,
    EventType.NODE_LOST: NodeStatus.READY,
    EventType.NODE_COMPLETED: NodeStatus.COMPLETED,
    EventType.NODE_FAILED: NodeStatus.FAILED,
    EventType.NODE_SKIPPED: NodeStatus.SKIPPED,
    EventType.NODE_CANCELLED: NodeStatus.CANCELLED,
}


def check_history(events: Any) -> None:
    """Each node's recorded events follow the transition table; what is final stays so."""
    from schemas.status import NODE_TRANSITIONS

    state: dict[str, tuple[int, NodeStatus]] = {}
    for event in events:
        assert isinstance(event, Event)
        if event.type not in _BY_EVENT:
            continue
        epoch, before = state.get(event.node, (event.epoch, NodeStatus.PENDING))
        after = _BY_EVENT[event.type]
        if epoch != event.epoch and not before.final:
            before = NodeStatus.PENDING  # the bus lost its memory: what was not final begins again
        # "Ready" has no event of its own: a node becomes ready by its parents, a hand-back or a wake-up.
        ready = NodeStatus.READY in NODE_TRANSITIONS[before] and after in NODE_TRANSITIONS[NodeStatus.READY]
        by_way_of_ready = ready and not before.final
        same = before is after is NodeStatus.READY
        assert after in NODE_TRANSITIONS[before] or by_way_of_ready or same, (event.job, event.node, before, after)
        state[event.node] = (event.epoch, after)
