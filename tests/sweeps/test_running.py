"""Sweeps on a live deployment: planned, run, paused, resumed, extended, and continued after a kill."""

from __future__ import annotations

from schemas.sweep import SweepInFull, SweepSpec, SweepState
from tests.live import Diary, LiveDeployment, wait_for
from tests.sweeps.conftest import Specs
from workbench.client.access import LOCAL
from workbench.client.sweeps import launch
from workbench.client.sweeps.view import sweep_in_full, sweep_list


def started(live: LiveDeployment, spec: SweepSpec) -> str:
    return launch.launch(live.deployment, LOCAL, spec)


def full(live: LiveDeployment, sweep: str) -> SweepInFull:
    return sweep_in_full(live.deployment, LOCAL, sweep)


def ended(live: LiveDeployment, sweep: str) -> SweepInFull:
    def over() -> SweepInFull | None:
        one = full(live, sweep)
        return one if one.state in (SweepState.COMPLETED, SweepState.CANCELLED) else None

    return wait_for(over, what=f"the end of {sweep}")


def test_a_sweep_computes_each_distinct_node_once(live: LiveDeployment, spec: Specs, diary: Diary) -> None:
    asked = spec(["a", "b"], ["1", "2"])
    plan = launch.plan(live.deployment, LOCAL, asked)
    assert (plan.cells, plan.nodes, plan.distinct, plan.cached, plan.complete) == (4, 8, 6, 0, 0)

    over = ended(live, started(live, asked))

    assert over.by_status == {"completed": 4}
    assert [cell.at for cell in over.table] == [[0, 0], [0, 1], [1, 0], [1, 1]]
    assert len(diary.lines()) == plan.distinct
    again = launch.plan(live.deployment, LOCAL, asked)
    assert (again.distinct, again.cached, again.complete) == (6, 6, 4)
    second = ended(live, started(live, asked))
    assert all(cell.cached for cell in second.table)
    assert len(diary.lines()) == plan.distinct
    assert [line.id for line in sweep_list(live.deployment, LOCAL, 2, 0).sweeps] == [second.id, over.id]
