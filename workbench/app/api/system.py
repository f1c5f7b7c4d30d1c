"""The state of the deployment, for operators."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from fastapi import APIRouter, Request

from schemas.api import SystemAnswer, WorkerEntry
from schemas.errors import WorkbenchError
from schemas.queue import QueueView
from workbench.app.api._request import CurrentUser, TheDeployment, refusals
from workbench.app.part_states import PartStates
from workbench.client.access import reader
from workbench.client.deployment import Deployment
from workbench.client.describe import AnnouncedServices, announced_services
from workbench.client.queues import queue_view
from workbench.client.system import capability_summary, of_jobs, storage, worker_entries
from workbench.store.dead_letters import DeadLetters

T = TypeVar("T")

router = APIRouter(tags=["system"])


@router.get("/api/system", summary="Parts, queues, workers, storage", responses=refusals())
def system(request: Request, deployment: TheDeployment, user: CurrentUser) -> SystemAnswer:
    """Also responds while parts are unreachable. Their fields are null then, and `parts` gives the reason."""
    parts: PartStates = request.app.state.parts
    offers, whose = announced_services(deployment), reader(user)
    found = None if offers.bus_error else _if_reachable(lambda: _queue_and_workers(deployment, offers, whose))
    queue, workers = found or (None, [])
    return SystemAnswer(
        parts=parts.all(),
        queue=queue,
        workers=workers,
        storage=_if_reachable(lambda: storage(deployment)),
        dead_letters=_if_reachable(lambda: DeadLetters(deployment.store.database).count(whose)),
        capabilities=None if offers.bus_error else capability_summary(offers),
    )


def _queue_and_workers(
    deployment: Deployment, offers: AnnouncedServices, whose: str | None
) -> tuple[QueueView, list[WorkerEntry]]:
    queue = queue_view(deployment, owner=whose)
    workers = worker_entries(offers, queue)
    return (queue, workers) if whose is None else of_jobs(queue, workers, set(deployment.store.unfinished_of(whose)))


def _if_reachable(query: Callable[[], T]) -> T | None:
    """The result of the query; None if the bus or SQL does not respond."""
    try:
        return query()
    except WorkbenchError as error:
        if error.code not in ("bus.unreachable", "sql.unreachable"):
            raise
        return None
