"""How two processes share the tests (`make test`): each group stays in one of them, so that its servers start once."""

from __future__ import annotations

from xdist.scheduler import LoadScopeScheduling

# In the order in which they are begun: long ones first, so that both processes end at about the same time. Faults
# mostly wait, for leases to run out and parts to come back; the others compute. The nodes need no servers: they fill
# what is left at the end.
GROUPS = {
    "faults": ("faults", "simulation"),
    "cli": ("cli",),
    "rest": (),
    "papers": ("notebook/execution",),
    "app": ("app", "clients"),
    "pages": ("app/pages",),
    "widgets": ("notebook/widgets",),
    "notebook": ("notebook",),
    "nodes": ("nodes",),
}


def group_of(nodeid: str) -> str:
    """The group of a test: of the longest folder named above that it lies in."""
    path = nodeid.partition("::")[0].removeprefix("tests/")
    named = {top: name for name, tops in GROUPS.items() for top in tops if path.startswith(f"{top}/")}
    return named[max(named, key=len)] if named else "rest"


class ByGroup(LoadScopeScheduling):
    """xdist's own ``--dist loadgroup`` writes the group into the id of a test, which pytest 9.2 does not read back."""

    def _split_scope(self, nodeid: str) -> str:
        return group_of(nodeid)
