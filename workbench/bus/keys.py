"""The keys that Python reads. The scripts build the same names from the same prefix (lua/_prelude.lua).

All keys of a bench share one cluster hash tag, so that every script touches one slot.
"""

from __future__ import annotations

from dataclasses import dataclass

FRONT, INTERACTIVE, BATCH_FRONT, BATCH = "front", "interactive", "batch_front", "batch"
# In the order in which a worker looks at them. Hand-backs and wake-ups stand in front of their own kind.
LANES = (FRONT, INTERACTIVE, BATCH_FRONT, BATCH)


@dataclass(frozen=True)
class Keys:
    """Key names of one bench."""

    bench: str

    @property
    def prefix(self) -> str:
        return "{" + self.bench + "}"

    @property
    def meta(self) -> str:
        return f"{self.prefix}:meta"

    @property
    def leases(self) -> str:
        return f"{self.prefix}:leases"

    @property
    def outbox(self) -> str:
        return f"{self.prefix}:outbox"

    @property
    def set_aside(self) -> str:
        return f"{self.prefix}:set-aside"

    @property
    def fence(self) -> str:
        return f"{self.prefix}:fence"

    @property
    def computed(self) -> str:
        return f"{self.prefix}:computed"

    @property
    def flights(self) -> str:
        return f"{self.prefix}:flights"

    @property
    def delayed(self) -> str:
        return f"{self.prefix}:delayed"

    @property
    def held(self) -> str:
        return f"{self.prefix}:held"

    @property
    def pools(self) -> str:
        return f"{self.prefix}:pools"

    def offers(self, name: str) -> str:
        return f"{self.prefix}:offers:{name}"

    @property
    def cancelled(self) -> str:
        return f"{self.prefix}:cancelled"

    @property
    def progressed(self) -> str:
        return f"{self.prefix}:progressed"

    @property
    def workers(self) -> str:
        return f"{self.prefix}:workers"

    def worker(self, worker_id: str) -> str:
        return f"{self.prefix}:worker:{worker_id}"

    def job(self, job: str) -> str:
        return f"{self.prefix}:job:{job}"

    def events(self, job: str) -> str:
        return f"{self.prefix}:events:{job}"

    def progress(self, job: str) -> str:
        return f"{self.prefix}:progress:{job}"

    def queue(self, pool: str, lane: str) -> str:
        return f"{self.prefix}:queue:{pool}:{lane}"

    def wake(self, pool: str) -> str:
        return f"{self.prefix}:wake:{pool}"
