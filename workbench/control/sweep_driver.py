"""Submits the cells of running sweeps, a few of each at a time. All of its state is in SQL, so it may stop anywhere.

Several instances can run at the same time, and one can die between any two steps: a cell's idempotency key makes a
second submit find the job of the first.
"""

from __future__ import annotations

import threading
from pathlib import Path

import structlog

from schemas.errors import ErrorInfo, WorkbenchError
from schemas.refs import Ref
from schemas.status import Lane
from workbench.bus.bus import Bus
from workbench.bus.connection import BUS_UNREACHABLE
from workbench.bus.results import Verdict
from workbench.crash_points import CrashPoint, reached
from workbench.engine.accept import Request, accept, put_back
from workbench.engine.provided_services import DeploymentSnapshot
from workbench.retention import healing
from workbench.retention.parts import Parts
from workbench.settings import Settings
from workbench.store.damage import LOST
from workbench.store.jobs import JobStore
from workbench.store.objects import Objects
from workbench.store.sweeps import DueCell, Sweeps

log = structlog.get_logger()
LOOK_EVERY_S = 0.5
AT_A_TIME = 20  # cells of one sweep before the next one gets its turn
# These concern the deployment, not the cell: try again later.
_PASSING = ("bus.", "sql.", "store.unreachable", "store.refused", "home.")


class SweepDriver:
    """Looks twice a second. ``run`` blocks; call it in a thread."""

    def __init__(self, settings: Settings, store: JobStore) -> None:
        self._parts = Parts(settings, store, Objects.connect(settings), Bus(settings.bus_url, settings.namespace))
        self._sweeps = Sweeps(store.database)
        self._snapshot = DeploymentSnapshot(self._parts.bus)
        self.stopping = threading.Event()

    def run(self) -> None:
        away = False
        while not self.stopping.is_set():
            try:
                more = self.step()
                away = False
            except (*BUS_UNREACHABLE, WorkbenchError) as error:  # nothing is lost: try again
                if not away:
                    log.warning("sweeps wait", error=str(error))
                away, more = True, False
            except Exception:  # an invalid sweep must not end the others for ever
                log.exception("a sweep could not be driven")
                more = False
            if not more:
                self.stopping.wait(LOOK_EVERY_S)

    def step(self) -> bool:
        """Submit the cells that may be submitted now. Returns whether more may be at once."""
        for job in self._sweeps.to_cancel():
            self._cancel(job)
        more = False
        for sweep, at_once in self._sweeps.running():
            free = at_once - self._sweeps.unfinished(sweep)
            cells = self._sweeps.due(sweep, min(free, AT_A_TIME)) if free > 0 else []
            for cell in cells:
                if self.stopping.is_set() or not self._submit(cell):
                    return False
            if not cells and self._sweeps.complete(sweep):
                log.info("sweep completed", sweep=sweep)
            more = more or len(cells) == AT_A_TIME
        return more

    def _submit(self, cell: DueCell) -> bool:
        """Submit a cell. Returns False if its sweep no longer runs.

        Raises WorkbenchError for what concerns the deployment.
        """
        request = Request(
            cell.graph,
            key=cell.key,
            pipeline=cell.pipeline,
            experiment=cell.experiment,
            owner=cell.owner,
            sweep=cell.sweep,
            lane=Lane.BATCH,
        )
        try:
            accepted = accept(
                request,
                bus=self._parts.bus,
                store=self._parts.store,
                objects=self._parts.objects,
                open_ref=self._open,
                snapshot=self._snapshot,
            )
        except WorkbenchError as error:
            if error.code.startswith(_PASSING):
                raise
            log.info("cell refused", sweep=cell.sweep, cell=cell.number, code=error.code, error=error.message)
            self._sweeps.set_error(cell, _info(error))
            return True
        reached(CrashPoint.CELL_ACCEPTED)
        if self._sweeps.set_job(cell, accepted.job):
            reached(CrashPoint.CELL_NOTED)
            return True
        self._cancel(accepted.job)  # the sweep was cancelled or erased meanwhile
        return False

    def _cancel(self, job: str) -> None:
        if self._parts.bus.cancel(job) is not Verdict.UNKNOWN:
            return
        record = self._parts.store.get(job)
        if record is not None and not record.status.final:  # accepted, but not on the bus yet
            put_back(record, bus=self._parts.bus, epoch=self._parts.bus.marker().epoch)
            self._parts.bus.cancel(job)

    def _open(self, ref: Ref) -> Path:
        """A local copy of a file for the checks. It is restored in the store if only this home's cache has it."""
        try:
            path = self._parts.cache.fetch(ref, self._parts.objects)
        except WorkbenchError as error:
            if error.code not in LOST:
                raise
            path = healing.recovered(self._parts, ref, error)
        if self._parts.objects.missing([ref]):
            self._parts.objects.put(path, ref)
        return path


def _info(error: WorkbenchError) -> ErrorInfo:
    details = {"where": error.where, "seen": error.seen, "allowed": error.allowed, "remedy": error.remedy}
    plain = {name: str(value) for name, value in details.items() if value not in (None, "")}
    return ErrorInfo(message=error.message, code=error.code, details=plain)
