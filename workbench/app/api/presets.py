"""Named parameter sets of a pipeline. Each user has their own."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path

from schemas.api import Preset, PresetValues
from schemas.name import KnownName
from workbench.app.api._request import CurrentUser, StrictRoute, TheDeployment, refusals
from workbench.client.access import need_runner
from workbench.client.presets import delete_preset, find_preset, keep_preset, shipped

router = APIRouter(tags=["presets"], route_class=StrictRoute)

PipelineName = Annotated[str, Path(pattern=r"^[a-z][a-z0-9_]{0,99}$", description="Name of a pipeline.")]
PresetName = Annotated[KnownName, Path(description="Name of the preset.")]


@router.get("/api/presets/{pipeline}/{name}", summary="A preset", responses=refusals(404, 422))
def get_preset(pipeline: PipelineName, name: PresetName, deployment: TheDeployment, user: CurrentUser) -> Preset:
    """The user's own preset, or one that comes with the pipeline."""
    return find_preset(deployment, pipeline, name, user.name)


@router.put("/api/presets/{pipeline}/{name}", summary="Save a preset", responses=refusals(403, 404, 413, 422))
def put_preset(
    pipeline: PipelineName, name: PresetName, values: PresetValues, deployment: TheDeployment, user: CurrentUser
) -> Preset:
    """Replaces the user's own preset of that name, and hides one that comes with the pipeline."""
    need_runner(user)
    return keep_preset(deployment, pipeline, name, values, user.name)


@router.delete("/api/presets/{pipeline}/{name}", summary="Delete a preset", responses=refusals(403, 404, 422))
def remove_preset(
    pipeline: PipelineName, name: PresetName, deployment: TheDeployment, user: CurrentUser
) -> Preset | None:
    """Returns the preset of that name that comes with the pipeline, or null."""
    need_runner(user)
    delete_preset(deployment, pipeline, name, user.name)
    return next((preset for preset in shipped(pipeline) if preset.name == name), None)
