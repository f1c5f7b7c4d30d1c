"""Sweeps on a live deployment: planned, run, paused, resumed, extended, and continued after a kill."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import update

from schemas.sweep import SweepInFull, SweepSpec, SweepState
from tests.live import Diary, LiveDeployment, sigkill, wait_for
from tests.sweeps.conftest import Specs
from workbench.client.access import LOCAL
from workbench.client.sweeps import launch
from workbench.client.sweeps.view import sweep_in_full, sweep_list
from workbench.crash_points import CrashPoint
from workbench.store.listing import JobFilter
from workbench.store.sweeps import NewCell, Sweeps
from workbench.store.tables import sweep_cells


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


def test_a_paused_sweep_submits_nothing_until_it_is_resumed(
    live: LiveDeployment, spec: Specs, diary: Diary, tmp_path: Path
) -> None:
    gate = tmp_path / "gate"
    sweep = started(live, spec(["p", "q", "r"], options={"gate": str(gate)}, atOnce=1))
    wait_for(lambda: diary.lines() or None, what="the first cell runs")
    launch.pause(live.deployment, LOCAL, sweep)
    gate.touch()
    wait_for(lambda: full(live, sweep).by_status == {"completed": 1, "planned": 2}, what="only the first cell ends")
    assert full(live, sweep).state is SweepState.PAUSED

    launch.resume(live.deployment, LOCAL, sweep)

    assert ended(live, sweep).by_status == {"completed": 3}


def test_a_cancelled_sweep_can_be_resumed(live: LiveDeployment, spec: Specs, diary: Diary, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    sweep = started(live, spec(["s", "t"], options={"gate": str(gate)}, atOnce=1))
    wait_for(lambda: diary.lines() or None, what="the first cell runs")
    launch.cancel(live.deployment, LOCAL, sweep)
    wait_for(lambda: full(live, sweep).by_status == {"cancelled": 1, "planned": 1}, what="its job is cancelled")
    gate.touch()

    launch.resume(live.deployment, LOCAL, sweep)

    over = ended(live, sweep)
    assert (over.state, over.by_status) == (SweepState.COMPLETED, {"completed": 2})


def test_an_extended_sweep_runs_only_new_nodes(live: LiveDeployment, spec: Specs, diary: Diary) -> None:
    sweep = started(live, spec(["x"], ["1", "2"]))
    before = ended(live, sweep)
    diary.path.write_text("")

    launch.extend(live.deployment, LOCAL, sweep, spec(["x", "y"], ["1", "3"]))

    over = ended(live, sweep)
    assert [cell.at for cell in over.table] == [[0, 0], [0, 1], [1, 0], [1, 1], [0, None]]
    assert [cell.removed for cell in over.table] == [False] * 4 + [True]
    assert [over.table[0].job, over.table[4].job] == [cell.job for cell in before.table]
    assert sorted(diary.lines()) == ["1", "3", "3", "y"]
    assert over.by_status == {"completed": 4}


def test_a_cell_that_cannot_be_accepted_does_not_block_the_others(live: LiveDeployment, spec: Specs) -> None:
    sweep = started(live, spec(["u", "v", "w"], atOnce=1))
    launch.pause(live.deployment, LOCAL, sweep)
    store = Sweeps(live.deployment.store.database)
    (graph,) = store.graphs(sweep, [1]).values()
    graph.nodes[0].service = "probe.gone"
    here = (sweep_cells.c.sweep == sweep) & (sweep_cells.c.number == 1)
    live.deployment.store.database.change(update(sweep_cells).where(here).values(graph=NewCell.packed(graph)))

    launch.resume(live.deployment, LOCAL, sweep)

    over = ended(live, sweep)
    assert over.by_status == {"completed": 2, "failed": 1}
    assert "probe.gone" in over.table[1].error


@pytest.mark.parametrize("point", [CrashPoint.CELL_ACCEPTED, CrashPoint.CELL_NOTED])
def test_a_sweep_survives_the_death_of_its_driver(
    live: LiveDeployment, spec: Specs, diary: Diary, tmp_path: Path, point: CrashPoint
) -> None:
    mark = tmp_path / "mark"
    live.of_role["control"] = {"WORKBENCH_CRASH_AT": f"{point}:2", "WORKBENCH_CRASH_MARK": str(mark)}
    assert live.control is not None
    sigkill(live.control)
    live.ensure()
    sweep = started(live, spec([f"{point}1", f"{point}2", f"{point}3"], ["1"], atOnce=3))
    wait_for(mark.exists, what="the driver died")
    live.of_role["control"] = {}
    wait_for(lambda: live.control is None or live.control.poll() is not None, what="the control plane ended")

    live.ensure()

    over = ended(live, sweep)
    assert over.by_status == {"completed": 3}
    assert len(diary.lines()) == over.plan.distinct == 6
    jobs = live.deployment.store.list(JobFilter(sweep=sweep)).jobs
    assert sorted(job.id for job in jobs) == sorted(cell.job or "" for cell in over.table)
