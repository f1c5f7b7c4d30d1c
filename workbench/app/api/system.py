"""The bench as an operator sees it."""

from __future__ import annotations

from fastapi import APIRouter

from schemas.api import SystemAnswer
from schemas.errors import WorkbenchError
from workbench.app.api._request import Asker, TheBench, reader, refusals
from workbench.app.part_states import part_states
from workbench.client.describe import offers_now
from workbench.client.queues import queue_view
from workbench.client.system import capability_summary, of_jobs, storage, worker_entries
from workbench.store.dead_letters import DeadLetters

router = APIRouter(tags=["system"])


@router.get("/api/system", summary="Parts, queues, workers, storage", responses=refusals())
def system(bench: TheBench, user: Asker) -> SystemAnswer:
    """Answers also while parts are away: what they would say is null then, and `parts` says why."""
    offers = offers_now(bench)
    queue = None
    if not offers.away:
        try:
            queue = queue_view(bench)
        except WorkbenchError as error:
            if error.code != "bus.unreachable":
                raise
    workers = worker_entries(offers, queue) if queue is not None else []
    whose = reader(user)
    if queue is not None and whose is not None:
        mine = set(bench.store.unfinished_of(whose))
        queue, workers = of_jobs(queue, workers, mine)
    return SystemAnswer(
        parts=part_states(bench.settings),
        queue=queue,
        workers=workers,
        storage=storage(bench),
        dead_letters=DeadLetters(bench.store.database).count(),
        capabilities=None if offers.away else capability_summary(offers),
    )
