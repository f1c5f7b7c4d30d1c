"""The one exception by which a measure says that there is nothing to measure; the node turns it into a note."""

from __future__ import annotations


class Unmeasured(Exception):
    """A figure cannot be had from this clip. The message is the reason, for a person."""
