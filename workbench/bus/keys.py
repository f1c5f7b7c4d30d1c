"""The keys of a deployment on the bus. The scripts build the same names (lua/_prelude.lua); a test compares them.

All keys of a deployment share one cluster hash tag, so that every script touches one slot.
"""

from __future__ import annotations

FRONT, INTERACTIVE, BATCH_FRONT, BATCH = "front", "interactive", "batch_front", "batch"
# In the order in which a worker looks at them. Hand-backs and wake-ups stand in front of their own kind.
LANES = (FRONT, INTERACTIVE, BATCH_FRONT, BATCH)


class Keys:
    """Key names of one deployment."""

    def __init__(self, namespace: str) -> None:
        self.namespace = namespace
        self.prefix = prefix = "{" + namespace + "}"
        self.meta = f"{prefix}:meta"  # hash of MetaField
        self.fence = f"{prefix}:fence"  # the n of the last fence
        self.leases = f"{prefix}:leases"  # hash: "<job>/<segment>" -> "<fence> <beats> <worker>"
        self.granted = f"{prefix}:granted"  # hash: worker -> "<fence> <job> <segment>" of its last take
        self.delayed = f"{prefix}:delayed"  # hash: "<job>/<segment>" -> milliseconds until another attempt
        self.outbox = f"{prefix}:outbox"  # stream of EventField that SQL has not confirmed
        self.set_aside = f"{prefix}:set-aside"  # stream of events that SQL cannot take
        self.computed = f"{prefix}:computed"  # hash: content key -> result
        self.computed_order = f"{prefix}:computed:order"  # list of its content keys, oldest first
        self.flights = f"{prefix}:flights"  # hash: content key -> "<job>/<segment>/<node>" that computes it
        self.round = f"{prefix}:round"  # number of the newest round of removing bytes
        self.round_open = f"{prefix}:round:open"  # exists while one is open
        self.held = f"{prefix}:held"  # hash of HeldField
        self.pools = f"{prefix}:pools"  # set of every pool that a job ever named
        self.workers = f"{prefix}:workers"  # set of the workers that are up
        self.cancelled = f"{prefix}:cancelled"  # channel: jobs as they are cancelled
        self.progressed = f"{prefix}:progressed"  # channel: jobs whose nodes report progress

    def job(self, job: str) -> str:
        """Hash of JobField, NodeField and SegmentField."""
        return f"{self.prefix}:job:{job}"

    def events(self, job: str) -> str:
        """Stream of EventField."""
        return f"{self.prefix}:events:{job}"

    def progress(self, job: str) -> str:
        """Hash: node -> the last progress."""
        return f"{self.prefix}:progress:{job}"

    def queue(self, pool: str, lane: str) -> str:
        """Stream of EntryField."""
        return f"{self.prefix}:queue:{pool}:{lane}"

    def wake(self, pool: str) -> str:
        """List of tokens, one for each entry that came."""
        return f"{self.prefix}:wake:{pool}"

    def waiters(self, content_key: str) -> str:
        """List of "<job>/<segment>/<node>" that wait for a computation."""
        return f"{self.prefix}:waiters:{content_key}"

    def offers(self, name: str) -> str:
        """Set of the services that workers of that offer have."""
        return f"{self.prefix}:offers:{name}"

    def worker(self, worker_id: str) -> str:
        """A worker's manifest; expires."""
        return f"{self.prefix}:worker:{worker_id}"
