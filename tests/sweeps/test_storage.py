"""What is left of a sweep when its jobs are deleted, its files collected, or a person erased."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Any

import pytest

from schemas.retention import CollectionRequest, ErasureRequest
from schemas.sweep import SweepState
from tests.engine.graphs import document
from tests.live import LiveDeployment
from tests.sweeps.conftest import Specs
from tests.sweeps.test_running import ended, full, started
from workbench.client.access import LOCAL
from workbench.client.deletion import delete, parts_of
from workbench.client.sweeps import launch
from workbench.client.uploads import store_file
from workbench.engine.parse import parse_graph
from workbench.retention.collecting import collect
from workbench.retention.erasing import erase
from workbench.store.sweeps import NewCell, Sweeps

pytestmark = pytest.mark.stack


def waiting_sweep(live: LiveDeployment, sha256: str, owner: str = "local") -> str:
    """A paused sweep whose only cell uses the file and has no job."""
    sweep = f"sweep-{secrets.token_hex(4)}"
    node = {"service": "probe.reader", "input": {"file": {"kind": "text", "sha256": sha256}}}
    graph = NewCell.packed(parse_graph(document({"a": node})))
    row: dict[str, Any] = {
        "id": sweep,
        "owner": owner,
        "name": "n",
        "pipeline": "probe_chain",
        "experiment": "e",
        "at_once": 1,
        "spec": {"pipeline": "probe_chain", "axes": [{"seeds": 1}]},
        "axes": [],
        "plan": {},
    }
    store = Sweeps(live.deployment.store.database)
    store.create(row | {"at_once": 0}, [NewCell(0, 0, [], "h", "probe_chain", graph)], {sha256})
    assert store.set_state(sweep, SweepState.PAUSED, seen=[SweepState.RUNNING])
    return sweep


def test_a_sweep_goes_with_its_last_job(live: LiveDeployment, spec: Specs) -> None:
    over = ended(live, started(live, spec(["m", "n"])))
    first, last = (cell.job or "" for cell in over.table)
    delete(live.deployment, first)
    assert [cell.error for cell in full(live, over.id).table] == ["its job was deleted", ""]
    delete(live.deployment, last)
    assert Sweeps(live.deployment.store.database).get(over.id) is None


def test_a_deleted_job_is_run_again_only_if_the_sweep_is_resumed(live: LiveDeployment, spec: Specs) -> None:
    over = ended(live, started(live, spec(["k", "l"])))
    delete(live.deployment, over.table[0].job or "")
    assert full(live, over.id).by_status == {"completed": 1, "deleted": 1}
    launch.resume(live.deployment, LOCAL, over.id)
    assert ended(live, over.id).by_status == {"completed": 2}


def test_a_file_that_a_waiting_cell_needs_is_kept_until_the_sweep_is_deleted(
    live: LiveDeployment, tmp_path: Path
) -> None:
    path = tmp_path / "needed.txt"
    path.write_text(secrets.token_hex(100))
    parts = parts_of(live.deployment)
    ref = store_file(live.deployment, path, "text", owner="ann")[0]
    sweep = waiting_sweep(live, ref.sha256)
    parts.deletion.drop_uploads([("ann", ref.sha256)])
    collect(parts, CollectionRequest(), stray_s=0.0, wait_s=30.0, verify_s=0.0)
    assert live.deployment.objects.has(ref.sha256)

    launch.delete(live.deployment, LOCAL, sweep)

    collect(parts, CollectionRequest(), stray_s=0.0, wait_s=30.0, verify_s=0.0)
    assert not live.deployment.objects.has(ref.sha256)


def test_erasing_a_file_erases_the_sweeps_that_use_it(live: LiveDeployment, tmp_path: Path) -> None:
    path = tmp_path / "face.txt"
    path.write_text(secrets.token_hex(100))
    parts = parts_of(live.deployment)
    ref = store_file(live.deployment, path, "text", owner="ann")[0]
    mine, other = waiting_sweep(live, ref.sha256, "ann"), waiting_sweep(live, ref.sha256, "bob")

    erase(parts, ErasureRequest(file=ref.sha256), asker="ann")
    store = Sweeps(live.deployment.store.database)
    assert store.get(mine) is None and store.get(other) is not None

    store_file(live.deployment, path, "text", owner="ann")
    erase(parts, ErasureRequest(file=ref.sha256))
    assert store.get(other) is None and not live.deployment.objects.has(ref.sha256)


def test_erasing_a_job_removes_its_cell_with_its_graph(live: LiveDeployment, spec: Specs) -> None:
    over = ended(live, started(live, spec(["secret", "plain"])))
    report = erase(parts_of(live.deployment), ErasureRequest(job=over.table[0].job))
    assert list(Sweeps(live.deployment.store.database).graphs(over.id)) == [1]
    assert any(over.id in stays.what for stays in report.stays)
