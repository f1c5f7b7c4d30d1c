"""Sweeps: plan, start, list, show, pause, resume, cancel, extend, delete."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path

from schemas.sweep import SweepInFull, SweepLaunch, SweepList, SweepPlan, SweepSpec, SweepText
from workbench.app.access.limits import check_submit
from workbench.app.api._request import CurrentUser, Limit, Offset, StrictRoute, TheDeployment, refusals
from workbench.app.api.planning import InTurn
from workbench.client.consent import EntryPoint
from workbench.client.sweeps import launch
from workbench.client.sweeps.local_files import read_spec_text
from workbench.client.sweeps.view import sweep_in_full, sweep_list

router = APIRouter(tags=["sweeps"], route_class=StrictRoute)

TheSweep = Annotated[str, Path(pattern=r"^sweep-[0-9a-f-]{1,58}$", description="Id of a sweep.")]


@router.post(
    "/api/sweeps/plan",
    summary="What a sweep would run",
    responses=refusals(404, 413, 422, 429),
    dependencies=[InTurn],
)
def plan_sweep(spec: SweepSpec, deployment: TheDeployment, user: CurrentUser) -> SweepPlan:
    """Checks every cell. Nothing is queued."""
    return launch.plan(deployment, user, spec)


@router.post("/api/sweeps/read", summary="Read a spec that a person wrote", responses=refusals(413, 422))
def read_sweep(asked: SweepText) -> SweepSpec:
    """YAML or JSON as for `workbench sweep`, without the files that it may name: they are where it was written."""
    return read_spec_text(asked.text)


@router.post(
    "/api/sweeps",
    status_code=202,
    summary="Start a sweep",
    responses=refusals(403, 404, 413, 422, 429),
    dependencies=[InTurn],
)
def start_sweep(asked: SweepLaunch, deployment: TheDeployment, user: CurrentUser) -> SweepInFull:
    """Checks every cell. If one is wrong, nothing is queued."""
    check_submit(user, deployment)
    sweep = launch.launch(deployment, user, asked.spec, asked.consent, entry=EntryPoint.HTTP)
    return sweep_in_full(deployment, user, sweep)


@router.get("/api/sweeps", summary="Sweeps, newest first", responses=refusals(422))
def list_sweeps(deployment: TheDeployment, user: CurrentUser, limit: Limit = 20, offset: Offset = 0) -> SweepList:
    """The sweeps that the user may see."""
    return sweep_list(deployment, user, limit, offset)


@router.get("/api/sweeps/{sweep}", summary="A sweep with its cells", responses=refusals(404, 422))
def show_sweep(sweep: TheSweep, deployment: TheDeployment, user: CurrentUser) -> SweepInFull:
    """Its spec, its plan, and the state of each cell's job."""
    return sweep_in_full(deployment, user, sweep)


@router.post("/api/sweeps/{sweep}/pause", summary="Submit no more cells for now", responses=refusals(403, 404, 422))
def pause_sweep(sweep: TheSweep, deployment: TheDeployment, user: CurrentUser) -> SweepInFull:
    """Jobs that were submitted go on."""
    launch.pause(deployment, user, sweep)
    return sweep_in_full(deployment, user, sweep)


@router.post("/api/sweeps/{sweep}/resume", summary="Submit what is left", responses=refusals(403, 404, 422))
def resume_sweep(sweep: TheSweep, deployment: TheDeployment, user: CurrentUser) -> SweepInFull:
    """Failed and cancelled cells are submitted anew."""
    launch.resume(deployment, user, sweep)
    return sweep_in_full(deployment, user, sweep)


@router.post("/api/sweeps/{sweep}/cancel", summary="Cancel a sweep and its jobs", responses=refusals(403, 404, 422))
def cancel_sweep(sweep: TheSweep, deployment: TheDeployment, user: CurrentUser) -> SweepInFull:
    """Results that exist stay. It can be resumed."""
    launch.cancel(deployment, user, sweep)
    return sweep_in_full(deployment, user, sweep)


@router.post(
    "/api/sweeps/{sweep}/extend",
    summary="Give a sweep a new spec",
    responses=refusals(403, 404, 409, 413, 422, 429),
    dependencies=[InTurn],
)
def extend_sweep(sweep: TheSweep, spec: SweepSpec, deployment: TheDeployment, user: CurrentUser) -> SweepInFull:
    """Cells that compute the same keep their jobs."""
    check_submit(user, deployment)
    launch.extend(deployment, user, sweep, spec, entry=EntryPoint.HTTP)
    return sweep_in_full(deployment, user, sweep)


@router.delete(
    "/api/sweeps/{sweep}",
    status_code=204,
    summary="Delete a sweep without jobs",
    responses=refusals(403, 404, 409, 422),
)
def delete_sweep(sweep: TheSweep, deployment: TheDeployment, user: CurrentUser) -> None:
    """Its jobs are deleted first, by DELETE /api/jobs/{id}."""
    launch.delete(deployment, user, sweep)
