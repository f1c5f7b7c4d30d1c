"""``workbench control``: the control plane's services and its workers in one process."""

from __future__ import annotations

import threading
from collections.abc import Callable

import structlog

from schemas.errors import WorkbenchError
from schemas.status import Plane
from workbench.bus.connection import BUS_UNREACHABLE
from workbench.control.preview_remover import PreviewRemover
from workbench.control.reaper import Reaper
from workbench.control.reconciler import Reconciler
from workbench.control.recorder import Recorder
from workbench.control.retention import Retention
from workbench.control.sweep_driver import SweepDriver
from workbench.engine.threads import service_thread
from workbench.engine.worker import Worker
from workbench.settings import Settings
from workbench.store.jobs import JobStore
from workbench.store.tracking import Tracker, keep_tracking

log = structlog.get_logger()


class ControlPlane:
    """The services and workers of the control plane. Several instances may run in one deployment."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.store = JobStore.open(settings)
        self.reconciler = Reconciler(settings, self.store)
        self.reaper = Reaper(settings)
        self.recorder = Recorder(settings, self.store)
        self.previews = PreviewRemover(settings, self.store)
        self.retention = Retention(settings, self.store)
        self.sweeps = SweepDriver(settings, self.store)
        self.worker = Worker(settings, Plane.CONTROL, "control", settings.control_slots)
        self._threads: list[threading.Thread] = []
        self._untracked = threading.Event()  # set to stop the tracking in MLflow

    def start(self) -> None:
        """Start the services. Returns when the deployment is open and its executors run, or raises TimeoutError."""
        self._spawn("reconciler", self.reconciler.run)
        if not self.reconciler.opened.wait(60 + self.settings.lease_s):
            raise TimeoutError("the takeover of the bus did not finish in time")
        self._spawn("recorder", self.recorder.run)
        self._spawn("reaper", self.reaper.run)
        self._spawn("previews", self.previews.run)
        self._spawn("retention", self.retention.run)
        self._spawn("sweeps", self.sweeps.run)
        if self.settings.mlflow_url:
            tracker = Tracker.connect(self.settings, self.store)
            self._spawn("tracking", lambda: keep_tracking(tracker, self._untracked))
        self.worker.start()
        self.worker.wait_ready()

    def stop(self) -> None:
        """Return running segments, record the remaining events, and stop."""
        self.worker.stop()
        self._untracked.set()
        services = (self.reconciler, self.reaper, self.recorder, self.previews, self.retention, self.sweeps)
        for service in services:
            service.stopping.set()
        for thread in self._threads:
            thread.join(timeout=5)
        try:
            while self.recorder.step():
                pass
        except (*BUS_UNREACHABLE, WorkbenchError) as error:
            log.warning("the remaining events are recorded after the next start", error=str(error))
        self.store.close()

    def _spawn(self, name: str, run: Callable[[], None]) -> None:
        thread = service_thread(name, run)
        thread.start()
        self._threads.append(thread)
