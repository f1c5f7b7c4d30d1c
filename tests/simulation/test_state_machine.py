"""The transitions as one state machine: Hypothesis looks for the shortest sequence of steps that breaks a promise."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from schemas.status import Lane
from tests.faults.extent import LONG, extent
from tests.simulation.test_schedules import shapes
from tests.simulation.world import POOLS, World

pytestmark = [pytest.mark.stack, pytest.mark.slow]
WORKERS = 3
workers = st.integers(0, WORKERS - 1)


def machine(new_world: Callable[[], World]) -> type[RuleBasedStateMachine]:
    """A state machine whose every example has a deployment of its own."""
    graphs = shapes()

    class Deployment(RuleBasedStateMachine):
        world: World

        @initialize()
        def open(self) -> None:
            self.world = new_world()

        @rule(shape=st.sampled_from(range(len(graphs))), lane=st.sampled_from(Lane), first_fails=st.booleans())
        def submit(self, shape: int, lane: Lane, first_fails: bool) -> None:
            graph = graphs[shape]
            can_fail = graph.graph.node("a").service != "probe.cached"
            self.world.submit(graph, frozenset({"a"} if first_fails and can_fail else ()), lane, twice=True)

        @rule(index=workers, pool=st.sampled_from(POOLS), lose_answer=st.booleans())
        def take(self, index: int, pool: str, lose_answer: bool) -> None:
            worker = self.world.workers[index]
            if worker.hand is None:
                self.world.take(worker, pool, lose_answer=lose_answer)

        @rule(index=workers, fail_once=st.booleans(), again=st.booleans())
        def work(self, index: int, fail_once: bool, again: bool) -> None:
            self.world.work(self.world.workers[index], fail_once=fail_once, again=again)

        @rule(index=workers, what=st.sampled_from(["beat", "release", "crash", "stall", "lose"]))
        def trouble(self, index: int, what: str) -> None:
            getattr(self.world, what)(self.world.workers[index])

        @precondition(lambda self: self.world.silent)
        @rule(data=st.data())
        def awake(self, data: Any) -> None:
            self.world.awake(data.draw(st.integers(0, len(self.world.silent) - 1)))

        @rule(what=st.sampled_from(["reap", "record", "remember", "duplicate_entries"]))
        def control(self, what: str) -> None:
            getattr(self.world, what)()

        @precondition(lambda self: self.world.jobs)
        @rule(data=st.data())
        def cancel(self, data: Any) -> None:
            self.world.cancel(data.draw(st.sampled_from(sorted(self.world.jobs))))

        @rule(all_of_it=st.booleans(), presenting=st.sets(workers))
        def lose_memory(self, all_of_it: bool, presenting: set[int]) -> None:
            live = [self.world.workers[index] for index in sorted(presenting)]
            self.world.lose_memory(all_of_it=all_of_it, presenting=[*live, *self.world.silent])

        @invariant()
        def an_accepted_job_is_on_the_bus_or_has_ended(self) -> None:
            for job in self.world.jobs:
                if not self.world.bus.knows(job):
                    record = self.world.store.get(job)
                    assert record is not None and record.status.final, job

        @invariant()
        def a_segment_has_one_lease_at_most_and_its_job_is_open(self) -> None:
            for held in self.world.bus.leases():
                status: Any = self.world.bus.client.hget(self.world.bus.keys.job(held.job), "status")
                assert status in (b"accepted", b"running"), (held, status)

        def teardown(self) -> None:
            if hasattr(self, "world"):
                try:
                    self.world.finish()
                finally:
                    self.world.close()

    return Deployment


@pytest.mark.timeout(3600)
def test_no_sequence_of_steps_breaks_a_promise(new_world: Callable[[], World]) -> None:
    run_state_machine_as_test(
        machine(new_world),
        settings=settings(
            max_examples=extent(600, 120),
            stateful_step_count=extent(60, 25),
            derandomize=not LONG,  # the same sequences in each run; new ones under make faults
            deadline=None,
            suppress_health_check=list(HealthCheck),
            print_blob=True,
        ),
    )
