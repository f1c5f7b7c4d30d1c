"""The exception for metrics that cannot be computed; the node turns it into a note."""

from __future__ import annotations


class Unmeasured(Exception):
    """A metric cannot be computed from this clip. The message is the reason, for people."""
