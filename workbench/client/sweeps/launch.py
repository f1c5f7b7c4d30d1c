"""Starts sweeps and changes them. A driver in the control plane then submits their cells, whatever else stops."""

from __future__ import annotations

import secrets
import time
from typing import Any

from schemas.consent import Consent
from schemas.errors import WorkbenchError
from schemas.graph import Graph, Node
from schemas.refs import refs_in
from schemas.sweep import SweepPlan, SweepSpec, SweepState
from workbench.client.access import User, need_runner, reader
from workbench.client.consent import CONSENT, EntryPoint, with_consent
from workbench.client.deployment import Deployment
from workbench.client.quotas import check_quotas
from workbench.client.sweeps.plan import Planned, PlannedCell, plan_sweep
from workbench.store.job_deletion import JobDeletion
from workbench.store.sweeps import CellRow, NewCell, SweepRow, Sweeps

_STATES = tuple(SweepState)


def plan(deployment: Deployment, user: User, spec: SweepSpec) -> SweepPlan:
    """What a sweep would run; nothing is queued. Raises like ``plan_sweep``."""
    return plan_sweep(deployment, spec, reader=reader(user)).plan


def launch(
    deployment: Deployment,
    user: User,
    spec: SweepSpec,
    consent: Consent | None = None,
    *,
    entry: EntryPoint = EntryPoint.PYTHON,
) -> str:
    """Start a sweep. Returns its id. If it raises WorkbenchError, nothing was stored.

    Raises WorkbenchError: those of ``plan_sweep``, access.forbidden, access.quota, consent.*
    """
    need_runner(user)
    check_quotas(deployment, user.name)
    planned = plan_sweep(deployment, spec, reader=reader(user))
    graphs = _with_consent(deployment, planned.cells, consent, owner=user.name, entry=entry)
    sweep = _new_id()
    cells = [
        NewCell(number, number, list(one.cell.at), one.hash, one.cell.pipeline, NewCell.packed(graph))
        for number, (one, graph) in enumerate(zip(planned.cells, graphs, strict=True))
    ]
    row = {"id": sweep, "owner": user.name, **_columns(spec, planned)}
    Sweeps(deployment.store.database).create(row, cells, planned.files)
    return sweep


def extend(
    deployment: Deployment,
    user: User,
    sweep: str,
    spec: SweepSpec,
    consent: Consent | None = None,
    *,
    entry: EntryPoint = EntryPoint.PYTHON,
) -> None:
    """Give a sweep a new spec. Cells that compute the same keep their jobs; the others are new, and it runs again.

    Raises WorkbenchError: sweep.unknown, and those of ``launch``.
    """
    row = changeable_sweep(deployment, user, sweep)
    check_quotas(deployment, row.owner)
    planned = plan_sweep(deployment, spec, reader=reader(user))
    graphs = _with_consent(deployment, planned.cells, consent, owner=row.owner, entry=entry)
    store = Sweeps(deployment.store.database)
    old = store.cells(sweep)
    free: dict[str, list[CellRow]] = {}
    for cell in old:
        free.setdefault(cell.hash, []).append(cell)
    kept: dict[int, tuple[int, list[int | None]]] = {}
    new: list[NewCell] = []
    number = max((cell.number for cell in old), default=-1)
    for position, (one, graph) in enumerate(zip(planned.cells, graphs, strict=True)):
        at: list[int | None] = list(one.cell.at)
        if same := free.get(one.hash):
            kept[same.pop(0).number] = position, at
        else:
            number += 1
            new.append(NewCell(number, position, at, one.hash, one.cell.pipeline, NewCell.packed(graph)))
    moved = _moved(row, planned)
    left = [cell for cell in old if cell.number not in kept]
    removed = {
        cell.number: (len(planned.cells) + place, [moved(axis, cell.at) for axis in range(len(planned.plan.axes))])
        for place, cell in enumerate(left)
    }
    changed = _columns(spec, planned)
    # The experiment of a sweep stays, because its runs in MLflow are below a run of that experiment.
    changed["experiment"] = row.experiment
    stored = store.extend(
        sweep, changed, kept=kept, removed=removed, new=new, files=planned.files, revision=row.revision
    )
    if not stored:
        raise WorkbenchError(
            "sweep.not_final",
            f"the sweep {sweep} was changed at the same time",
            where=sweep,
            remedy="Look at it and extend it again.",
        )


def pause(deployment: Deployment, user: User, sweep: str) -> None:
    """Submit no more of its cells for now. Jobs that were submitted go on. Has no effect on a sweep that has ended."""
    changeable_sweep(deployment, user, sweep)
    Sweeps(deployment.store.database).set_state(sweep, SweepState.PAUSED, seen=[SweepState.RUNNING])


def resume(deployment: Deployment, user: User, sweep: str) -> None:
    """Submit what is left, and failed, cancelled and refused cells anew."""
    row = changeable_sweep(deployment, user, sweep)
    store = Sweeps(deployment.store.database)
    if row.state is SweepState.CANCELLED:
        _cancel_jobs(deployment, store, sweep)  # those that its cancellation may have missed
    if row.state is not SweepState.RUNNING or _has_failed(store, sweep):
        store.again(sweep, unfinished=row.state is SweepState.CANCELLED)


def cancel(deployment: Deployment, user: User, sweep: str) -> None:
    """Submit no more of its cells, and cancel the jobs that have not ended. The driver cancels what this misses."""
    changeable_sweep(deployment, user, sweep)
    store = Sweeps(deployment.store.database)
    store.set_state(sweep, SweepState.CANCELLED, seen=[SweepState.RUNNING, SweepState.PAUSED])
    _cancel_jobs(deployment, store, sweep)


def delete(deployment: Deployment, user: User, sweep: str) -> None:
    """Delete a sweep that has no jobs left. Raises WorkbenchError: sweep.unknown, sweep.not_final."""
    row = changeable_sweep(deployment, user, sweep)
    if JobDeletion(deployment.store.database).delete_sweep(sweep):
        return
    raise WorkbenchError(
        "sweep.not_final",
        f"the sweep {sweep} still has jobs" if row.state is not SweepState.RUNNING else f"the sweep {sweep} is running",
        where=sweep,
        seen=row.state.value,
        allowed="a cancelled, paused or completed sweep without jobs",
        remedy="Cancel it, and delete its jobs first: `workbench job list --sweep` shows them.",
    )


def visible_sweep(deployment: Deployment, user: User, sweep: str) -> SweepRow:
    """The sweep. Raises WorkbenchError (sweep.unknown) if it does not exist or the user may not see it."""
    row = Sweeps(deployment.store.database).get(sweep)
    if row is None or not user.may_see(row.owner):
        raise WorkbenchError(
            "sweep.unknown",
            f"there is no sweep {sweep}",
            where=sweep,
            remedy="`workbench sweep list` shows the sweeps.",
        )
    return row


def changeable_sweep(deployment: Deployment, user: User, sweep: str) -> SweepRow:
    """The sweep. Raises WorkbenchError: sweep.unknown, access.forbidden."""
    row = visible_sweep(deployment, user, sweep)
    need_runner(user)
    if not user.may_change(row.owner):
        raise WorkbenchError(
            "access.forbidden",
            f"the sweep belongs to {row.owner}",
            where=sweep,
            seen=user.name,
            allowed=[row.owner, "admin"],
            remedy="Start a sweep of your own with its spec.",
        )
    return row


def _has_failed(store: Sweeps, sweep: str) -> bool:
    return bool({"failed", "cancelled", "deleted"} & store.counts([sweep])[sweep].keys())


def _cancel_jobs(deployment: Deployment, store: Sweeps, sweep: str) -> None:
    for job in store.unfinished_jobs(sweep):
        deployment.cancel(job)


def _columns(spec: SweepSpec, planned: Planned) -> dict[str, Any]:
    name = spec.name or spec.pipeline
    return {
        "name": name,
        "pipeline": spec.pipeline,
        "experiment": spec.experiment or spec.name or "workbench",
        "spec": spec.model_dump(mode="json", by_alias=True, exclude_defaults=True),
        "axes": [axis.model_dump(mode="json", by_alias=True) for axis in planned.plan.axes],
        "plan": planned.plan.model_dump(mode="json", by_alias=True),
        "at_once": spec.at_once,
    }


def _moved(row: SweepRow, planned: Planned) -> Any:
    """Where a cell of the old spec stands on an axis of the new one; None where its choice is gone."""
    old = {axis["name"]: (number, axis["labels"]) for number, axis in enumerate(row.axes)}

    def place(axis: int, at: list[int | None]) -> int | None:
        shown = planned.plan.axes[axis]
        number, labels = old.get(shown.name, (None, []))
        if number is None or number >= len(at) or (chosen := at[number]) is None or labels[chosen] not in shown.labels:
            return None
        return shown.labels.index(labels[chosen])

    return place


def _with_consent(
    deployment: Deployment, cells: list[PlannedCell], given: Consent | None, *, owner: str, entry: EntryPoint
) -> list[Graph]:
    """The graphs with the consent to their files in their metadata. The consent is checked once for all cells."""
    nodes: dict[tuple[str, ...], Node] = {}
    options: dict[str, str] = {}  # name of the input by digest
    for one in cells:
        asked = one.graph.metadata.get("asked")
        for name, value in (asked["options"] if isinstance(asked, dict) else {}).items():
            if isinstance(value, str) and len(value) == 64:
                options.setdefault(value, name)
        for node in one.graph.nodes:
            found = tuple(ref.sha256 for ref in refs_in([node.params, node.input]))
            if found:
                nodes.setdefault(found, node)
    if not nodes:
        return [one.graph for one in cells]
    every = cells[0].graph.model_copy(
        update={
            "nodes": list(nodes.values()),
            "metadata": {"asked": {"options": {f"{name} {at}": sha for at, (sha, name) in enumerate(options.items())}}},
        }
    )
    noted = with_consent(deployment, every, given, owner=owner, entry=entry).metadata.get(CONSENT)
    if noted is None:
        return [one.graph for one in cells]
    return [
        one.graph.model_copy(update={"metadata": {**one.graph.metadata, CONSENT: noted}})
        if any(refs_in([node.params, node.input]) for node in one.graph.nodes)
        else one.graph
        for one in cells
    ]


def _new_id() -> str:
    return f"sweep-{time.strftime('%Y%m%d-%H%M%S', time.gmtime())}-{secrets.token_hex(3)}"
