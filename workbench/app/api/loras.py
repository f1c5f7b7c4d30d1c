"""Trained LoRAs, which options of pipelines take by name."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from schemas.api import JOB_ID_PATTERN
from schemas.lora import TrainedLoras
from workbench.app.api._request import CurrentUser, TheDeployment, refusals
from workbench.client.access import reader
from workbench.client.loras import trained_loras

router = APIRouter(tags=["loras"])


@router.get("/api/loras", summary="Trained LoRAs, newest first", responses=refusals(422))
def list_loras(
    deployment: TheDeployment,
    user: CurrentUser,
    job: Annotated[str | None, Query(pattern=JOB_ID_PATTERN, description="Only that of this training.")] = None,
) -> TrainedLoras:
    """The LoRAs of the user's trainings, each name once; who may see all jobs sees those of all users.

    A name belongs to the training that completed last.
    """
    return TrainedLoras(loras=trained_loras(deployment, reader(user), job=job))
