"""How processes share the tests (`make test`): files that share a stack stay together, and an idle process takes over.

A family is what shares servers. A process works through one family, file by file, and then begins another one that no
process has begun. When there is none, it takes the last file of a family that another process works through. Families
with expensive stacks come first, so that the files that are taken over at the end need none.
"""

from __future__ import annotations

from xdist.scheduler import LoadScopeScheduling
from xdist.workermanage import WorkerController

FAMILIES = {  # name: folders below tests/
    "pages": ("app/pages", "notebook/widgets"),
    "commands": ("cli", "notebook/execution"),
    "live": ("app", "clients", "control", "client", "notebook", "sweeps"),
    "tracked": ("faults", "simulation", "store", "app/mlflow"),
    "torch": ("torch",),
    "rest": (),
    "nodes": ("nodes",),
}


def family_of(nodeid: str) -> str:
    """The family of a test, or of a file: of the longest folder named above that it lies in."""
    path = nodeid.partition("::")[0].removeprefix("tests/")
    named = {top: name for name, tops in FAMILIES.items() for top in tops if path.startswith(f"{top}/")}
    return named[max(named, key=len)] if named else "rest"


class ByFamily(LoadScopeScheduling):
    """The units that are handed out are files; which one is next depends on what the process has done before."""

    def _split_scope(self, nodeid: str) -> str:
        return nodeid.partition("::")[0]

    def _assign_work_unit(self, node: WorkerController) -> None:
        self.workqueue.move_to_end(self._next_for(node), last=False)
        super()._assign_work_unit(node)

    def _next_for(self, node: WorkerController) -> str:
        def begun_by(worker: WorkerController) -> list[str]:
            return [family_of(file) for file in self.assigned_work.get(worker, ())]

        waiting: dict[str, list[str]] = {}
        for file in self.workqueue:
            waiting.setdefault(family_of(file), []).append(file)
        for family in reversed(begun_by(node)):
            if family in waiting:
                return waiting[family][0]
        others = {family for worker in self.nodes if worker is not node for family in begun_by(worker)[-1:]}
        for family, files in waiting.items():
            if family not in others:
                return files[0]
        return list(waiting.values())[-1][-1]
