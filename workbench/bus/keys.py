"""The keys of a deployment on the bus. The scripts build the same names (lua/_prelude.lua); a test compares them.

All keys of a deployment share one cluster hash tag, so that every script uses a single slot.
"""

from __future__ import annotations

FRONT, INTERACTIVE, BATCH_FRONT, BATCH = "front", "interactive", "batch_front", "batch"
# In the order of priority. Returned and woken segments go to the front of their own kind.
LANES = (FRONT, INTERACTIVE, BATCH_FRONT, BATCH)


class Keys:
    """Key names of one deployment."""

    def __init__(self, namespace: str) -> None:
        self.namespace = namespace
        self.prefix = prefix = "{" + namespace + "}"
        self.meta = f"{prefix}:meta"  # hash of MetaField
        self.fence = f"{prefix}:fence"  # n of the last fence
        self.leases = f"{prefix}:leases"  # hash: "<job>/<segment>" -> "<fence> <beats> <worker>"
        self.granted = f"{prefix}:granted"  # hash: worker -> "<fence> <job> <segment>" of its latest take
        self.delayed = f"{prefix}:delayed"  # hash: "<job>/<segment>" -> milliseconds until the next attempt
        self.outbox = f"{prefix}:outbox"  # stream of EventField: events that SQL has not confirmed
        self.set_aside = f"{prefix}:set-aside"  # stream of events that SQL refused
        self.computed = f"{prefix}:computed"  # hash: content key -> result
        self.computed_order = f"{prefix}:computed:order"  # list of the content keys, oldest first
        self.flights = f"{prefix}:flights"  # hash: content key -> "<job>/<segment>/<node>" of the node that computes it
        self.round = f"{prefix}:round"  # number of the latest round of removing bytes
        self.round_open = f"{prefix}:round:open"  # exists while a round is open
        self.held = f"{prefix}:held"  # hash of HeldField
        self.pools = f"{prefix}:pools"  # set of all pools that jobs have used
        self.workers = f"{prefix}:workers"  # set of running workers
        self.cancelled = f"{prefix}:cancelled"  # channel: cancelled jobs
        self.progressed = f"{prefix}:progressed"  # channel: jobs with new progress

    def job(self, job: str) -> str:
        """Hash of JobField, NodeField and SegmentField."""
        return f"{self.prefix}:job:{job}"

    def events(self, job: str) -> str:
        """Stream of EventField."""
        return f"{self.prefix}:events:{job}"

    def progress(self, job: str) -> str:
        """Hash: node -> latest progress."""
        return f"{self.prefix}:progress:{job}"

    def queue(self, pool: str, lane: str) -> str:
        """Stream of EntryField."""
        return f"{self.prefix}:queue:{pool}:{lane}"

    def wake(self, pool: str) -> str:
        """List of tokens, one for each new entry."""
        return f"{self.prefix}:wake:{pool}"

    def waiters(self, content_key: str) -> str:
        """List of "<job>/<segment>/<node>": nodes that wait for a computation."""
        return f"{self.prefix}:waiters:{content_key}"

    def offers(self, name: str) -> str:
        """Set of the service keys of this offer."""
        return f"{self.prefix}:offers:{name}"

    def worker(self, worker_id: str) -> str:
        """A worker's manifest; expires."""
        return f"{self.prefix}:worker:{worker_id}"
