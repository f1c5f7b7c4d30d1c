"""A worker process: slots, lease renewer, listener for cancellations, announcement. Both planes use it."""

from __future__ import annotations

import os
import platform
import shutil
import signal
import socket
import sys
import threading
import time
import uuid
from collections.abc import Callable

import psutil
import structlog

from schemas.capability import ServiceManifest, WorkerManifest
from schemas.status import Plane
from workbench.bus.bus import Bus
from workbench.bus.connection import BUS_UNREACHABLE
from workbench.engine.cut import pool_name
from workbench.engine.executor_process import ExecutorProcess
from workbench.engine.installed_models import InstalledModels, missing_models
from workbench.engine.lease import LeaseRenewer
from workbench.engine.machine import gpus, memory_used_gib
from workbench.engine.slot import Slot
from workbench.engine.slot_parts import Shutdown, SlotParts
from workbench.engine.threads import service_thread
from workbench.environments.engines import interpreter_of
from workbench.settings import Settings
from workbench.store.local_cache import LocalCache
from workbench.store.objects import Objects

log = structlog.get_logger()
ANNOUNCE_EVERY_S = 5.0
_SECRETS = {
    "WORKBENCH_BUS_URL",
    "WORKBENCH_S3_URL",
    "WORKBENCH_S3_ACCESS_KEY",
    "WORKBENCH_S3_SECRET_KEY",
    "WORKBENCH_SQL_URL",
}


class Worker:
    """Runs segments of one pool in ``slots`` executors until ``stop``."""

    def __init__(self, settings: Settings, plane: Plane, pool: str, slots: int) -> None:
        self.settings = settings
        self.plane = plane
        self.pool = pool
        host = socket.gethostname().split(".")[0][:20]
        self.name = f"{pool}-{host}-{uuid.uuid4().hex[:6]}"
        self.cache = LocalCache(settings.home / "cache", int(settings.cache_gib * 2**30))
        self._objects = Objects.connect(settings)
        self._models = InstalledModels(settings.models)
        self._renewer = LeaseRenewer(self._bus(), settings.lease_s)
        self._stopping = threading.Event()
        self.drained = threading.Event()  # an operator drains this worker
        self._slots = [self._slot(index) for index in range(slots)]
        self._threads: list[threading.Thread] = []

    def start(self) -> None:
        """Start all threads and return at once."""
        _clear_work(self.settings)
        self._renewer.start()
        for run in (self._start_slots, self._announce, self._listen):
            service_thread(run.__name__.strip("_"), run).start()

    def _start_slots(self) -> None:
        """Start the executors one after the other, because several at once would compete for the processor."""
        for slot in self._slots:
            if self._stopping.is_set():
                return
            thread = service_thread(slot.name, slot.run)
            thread.start()
            self._threads.append(thread)
            while not slot.executor.services and not self._stopping.wait(0.05):
                pass

    def wait_ready(self, timeout_s: float = 60.0) -> bool:
        """Whether the worker can run nodes, that is, its first executor started in time."""
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            if self._slots[0].executor.services:
                return True
            if self._stopping.wait(0.02):
                break
        return False

    def stop(self) -> None:
        """Take no more segments, let running nodes finish for ``drain_s``, return the rest and stop the executors."""
        self._stopping.set()
        for slot in self._slots:
            slot.shutdown.drain()
        until = time.monotonic() + self.settings.drain_s
        for thread in self._threads:
            thread.join(timeout=max(0.0, until - time.monotonic()))
        if busy := [thread.name for thread in self._threads if thread.is_alive()]:
            log.info("returning unfinished segments", worker=self.name, slots=busy, after_s=self.settings.drain_s)
        for slot in self._slots:
            slot.shutdown.stop()
        for thread in self._threads:
            thread.join(timeout=10)
        for slot in self._slots:
            slot.executor.stop()
        self._renewer.stop()
        try:
            self._bus().leave(self.name, [slot.name for slot in self._slots])
        except BUS_UNREACHABLE as error:
            log.info("could not sign off from the bus", worker=self.name, error=str(error))

    def _bus(self) -> Bus:
        return Bus(self.settings.bus_url, self.settings.namespace)

    def _slot(self, index: int) -> Slot:
        name = f"{self.name}.{index}"
        environment = {
            f"WORKBENCH_{field.upper()}": str(getattr(self.settings, field))
            for field in ("llm_url", "llm_model", "llm_api_key")
        }
        # A node needs neither the bus nor the stores, and it cannot leak credentials that it does not have.
        environment |= dict.fromkeys(_SECRETS, "")
        environment["WORKBENCH_MODELS"] = str(self.settings.models)
        environment["HF_HUB_OFFLINE"] = (
            "1"  # nodes use the models that are installed, and libraries must not fetch more
        )
        executor = ExecutorProcess(
            name,
            self.settings.home,
            self.cache.folder,
            self.cache.limit_bytes,
            environment,
            python=str(interpreter_of(self.settings.engines, self.pool) or sys.executable),
        )
        pool = pool_name(self.plane, self.pool)
        parts = SlotParts(
            pool, self._bus(), self._objects, self.cache, executor, self._models, self._renewer, Shutdown()
        )
        return Slot(name, self.plane, self.pool, parts)

    def manifest(self) -> WorkerManifest:
        """The services of this worker, as its executor reported them."""
        reported = [
            ServiceManifest.model_validate(service)
            for service in self._slots[0].executor.services
            if service["plane"] == self.plane.value and (self.plane is Plane.CONTROL or service["pool"] == self.pool)
        ]
        digests = self._models.digests()
        services = [
            service.model_copy(update={"missing_models": missing_models(service, digests, self.settings.models)})
            for service in reported
        ]
        return WorkerManifest(
            worker=self.name,
            plane=self.plane,
            pool=self.pool,
            host=platform.node(),
            pid=os.getpid(),
            cpus=os.cpu_count() or 1,
            memory_gib=round(psutil.virtual_memory().total / 2**30, 1),
            memory_used_gib=memory_used_gib(),
            gpus=gpus(),
            installed=digests if any(service.models for service in services) else {},
            models=sorted({model for slot in self._slots for model in slot.executor.models}),
            services=services,
        )

    def _announce(self) -> None:
        bus = self._bus()
        self.wait_ready()
        while not self._stopping.is_set():
            announced, until = self._announced(), time.monotonic() + ANNOUNCE_EVERY_S
            try:
                if bus.announce(self.name, self.manifest().to_json(), for_s=3 * ANNOUNCE_EVERY_S):
                    log.info("an operator drains this worker", worker=self.name)
                    self.drained.set()
                while (
                    time.monotonic() < until and self._announced() == announced
                ):  # after an edit, or when a model was installed, announce at once
                    if self._stopping.wait(0.2):
                        return
            except BUS_UNREACHABLE:
                self._stopping.wait(0.5)

    def _announced(self) -> tuple[object, object]:
        """Changes when the executor's services or the installed models do."""
        return self._slots[0].executor.services, self._models.digests()

    def _listen(self) -> None:
        bus = self._bus()
        while not self._stopping.is_set():
            try:
                for job in bus.cancellations():
                    if job:
                        self._renewer.cancelled(job)
                    if self._stopping.is_set():
                        return
            except BUS_UNREACHABLE:
                self._stopping.wait(0.5)


def _clear_work(settings: Settings) -> None:
    """Remove the work folders of dead processes."""
    folder = settings.home / "work"
    if not folder.exists():
        return
    live = {process.info["pid"] for process in psutil.process_iter(["pid"])}
    for entry in folder.iterdir():
        owner = entry / "pid"
        if not owner.exists() or int(owner.read_text() or "0") not in live:
            shutil.rmtree(entry, ignore_errors=True)


def run_until_signal(
    start: Callable[[], None], stop: Callable[[], None], ended: threading.Event, *, with_parent: bool
) -> None:
    """Run a role in the foreground until SIGTERM, Ctrl-C or ``ended``. A second signal ends the process at once.

    Args:
        with_parent: whether it also ends with its parent. One that a shell put into the background outlives the shell.
    """
    stopping = threading.Event()

    signalled_at = 0.0

    def on_signal(number: int, _frame: object) -> None:
        nonlocal signalled_at
        if stopping.is_set() and time.monotonic() - signalled_at > 1.0:
            os._exit(128 + number)  # leases expire, and no partial result is visible
        signalled_at = signalled_at or time.monotonic()
        stopping.set()

    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, on_signal)
    parent = os.getppid()
    start()
    while not stopping.wait(0.5):
        if with_parent and os.getppid() != parent:
            log.warning("the parent process has ended; stopping")
            break
        if ended.is_set():
            break
    stopping.set()
    stop()
