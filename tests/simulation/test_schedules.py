"""A thousand schedules from seeds: deliver, crash, stall, duplicate, reorder, wipe. A failure names the seed to replay.

``WORKBENCH_SCHEDULE_SEED=17 pytest tests/simulation/test_schedules.py`` replays one and prints its steps.
"""

from __future__ import annotations

import os
import random
from collections import Counter
from collections.abc import Callable

import pytest

from schemas.status import Lane
from tests.engine.graphs import checked, document
from tests.faults.extent import extent
from tests.simulation.world import POOLS, PlayedWorker, World
from workbench.bus.results import Verdict
from workbench.engine.validate import Checked

pytestmark = [pytest.mark.stack, pytest.mark.slow]
SCHEDULES = extent(1000, 75)
CHUNK = 25
STEPS = 60
REPLAY = os.environ.get("WORKBENCH_SCHEDULE_SEED")


def shapes() -> list[Checked]:
    """Graphs over both planes, with branches, joins, failure edges, and shared computations."""
    no_text = {"text": None}

    def node(service: str, **params: str) -> dict[str, object]:
        return {"service": service, "params": params, "input": no_text, "retries": {"maxAttempts": 20}}

    control, data, other = node("probe.control"), node("probe.data"), node("probe.elsewhere")
    same = {name: node("probe.cached", value=name) for name in ("x", "y")}
    ask = {"service": "review.script", "input": {"narration": "text"}, "retries": {"maxAttempts": 20}}
    lines, louder = node("probe.elsewhere"), {"service": "probe.louder", "retries": {"maxAttempts": 20}}
    beside = louder | {"input": {"file": "$b.file", "beside": "$a.file"}}
    drawn = [
        ({"a": lines, "b": louder, "c": control}, [("a", "b"), ("b", "c")]),
        ({"a": data, "b": louder, "c": louder, "d": data}, [("a", "b"), ("b", "c"), ("a", "d"), ("c", "d")]),
        ({"a": lines, "b": louder, "c": beside, "d": data}, [("a", "b"), ("b", "c"), ("c", "d")]),
        ({"a": control, "b": data, "c": control}, [("a", "b"), ("b", "c")]),
        ({"a": data, "b": data, "c": other, "d": control}, [("a", "b"), ("a", "c"), ("b", "d"), ("c", "d")]),
        ({"a": data, "b": control, "c": data}, [("a", "b", "on_failure"), ("a", "c")]),
        ({"a": same["x"]}, []),
        ({"a": same["x"], "b": same["y"], "c": control}, [("a", "b"), ("b", "c")]),
        ({"a": control, "b": same["y"], "c": data}, [("a", "b"), ("b", "c")]),
        ({"a": control, "b": ask, "c": data, "d": control}, [("a", "b"), ("b", "c"), ("b", "d", "on_failure")]),
    ]
    return [checked(document(nodes, edges)) for nodes, edges in drawn]


class Schedule:
    """Draws the steps of one schedule from a seed."""

    def __init__(self, world: World, seed: int) -> None:
        self.world = world
        self.chance = random.Random(seed)
        self.shapes = shapes()
        self.steps: list[str] = []

    def run(self, steps: int = STEPS) -> None:
        actions = [self.submit, self.take, self.work, self.trouble, self.control, self.memory, self.person]
        for _ in range(steps):
            action = self.chance.choices(actions, weights=(6, 16, 20, 5, 6, 1, 3))[0]
            action()
        self.note("finish")
        self.world.finish()

    def note(self, *what: object) -> None:
        self.steps.append(" ".join(str(word) for word in what))

    def worker(self) -> PlayedWorker:
        return self.chance.choice(self.world.workers)

    def submit(self) -> None:
        shape = self.chance.choice(self.shapes)
        names = [node.id for node in shape.graph.nodes if node.service != "probe.cached"]
        fails = frozenset(name for name in names if self.chance.random() < 0.15)
        lane = self.chance.choice(list(Lane))
        self.note(
            "submit", self.world.submit(shape, fails, lane, twice=self.chance.random() < 0.2), lane, *sorted(fails)
        )

    def take(self) -> None:
        worker = self.worker()
        if worker.hand is None:
            pool = self.chance.choice(POOLS)
            self.world.take(worker, pool, lose_answer=self.chance.random() < 0.1)
            self.note(worker.name, "takes", worker.lease)

    def work(self) -> None:
        worker, fail, again = self.worker(), self.chance.random() < 0.1, self.chance.random() < 0.2
        self.note(worker.name, "works on", worker.lease, "and fails once" if fail else "")
        self.note("  ->", self.world.work(worker, fail_once=fail, again=again))

    def trouble(self) -> None:
        what = self.chance.choice(["crash", "stall", "awake", "release", "duplicate", "cancel", "lose", "lose"])
        self.note(what)
        if what == "awake":
            if self.world.silent:
                self.world.awake(self.chance.randrange(len(self.world.silent)))
        elif what == "duplicate":
            self.world.duplicate_entries()
        elif what == "cancel":
            if self.world.jobs and self.chance.random() < 0.3:
                self.world.cancel(self.chance.choice(list(self.world.jobs)))
        else:
            getattr(self.world, what)(self.worker())

    def person(self) -> None:
        job = self.chance.choice(list(self.world.jobs)) if self.world.jobs else None
        if job is not None:
            tell = self.chance.random() < 0.8
            self.note("a person answers", job, "" if tell else "and the bus does not hear of it")
            self.world.answer(job, tell=tell)

    def control(self) -> None:
        what = self.chance.choice(["reap", "record", "record", "remember", "hand_over"])
        self.note(what)
        getattr(self.world, what)()

    def memory(self) -> None:
        live = [worker for worker in self.world.workers if self.chance.random() < 0.7]
        presenting = self.chance.sample([*live, *self.world.silent], len(live) + len(self.world.silent))
        all_of_it = self.chance.random() < 0.5
        self.note("the bus loses", "everything" if all_of_it else "its last steps")
        self.world.lose_memory(all_of_it=all_of_it, presenting=presenting)


@pytest.mark.parametrize("first", [int(REPLAY)] if REPLAY else range(0, SCHEDULES, CHUNK))
def test_no_schedule_loses_or_repeats_work(new_world: Callable[[], World], first: int) -> None:
    executed, answers = 0, Counter[Verdict]()
    for seed in range(first, first + (1 if REPLAY else CHUNK)):
        world = new_world()
        schedule = Schedule(world, seed)
        try:
            schedule.run()
        except BaseException as error:
            story = "\n".join(schedule.steps[-(10**6 if REPLAY else 25) :])
            raise AssertionError(f"schedule {seed}; WORKBENCH_SCHEDULE_SEED={seed} replays it\n{story}") from error
        finally:
            world.close()
        executed += sum(world.executed.values())
        answers += world.answers
        if REPLAY:
            print("\n".join(schedule.steps))
    print(f"schedules from {first}: {executed} executions; requests for parts: {dict(answers)}")
    assert executed or REPLAY
