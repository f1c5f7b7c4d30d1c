"""Pins the code, weights and packages of a job: those of the worker that will run it, if there is one."""

from __future__ import annotations

from nodes.identity import Identity
from nodes.sdk import NodeDeclaration
from schemas.errors import WorkbenchError
from workbench.engine.cut import pool_name
from workbench.engine.provided_services import DeploymentSnapshot


def pinned(declaration: NodeDeclaration, snapshot: DeploymentSnapshot) -> Identity:
    """The local code, with the local weights and packages if a worker has the same, else with those of a worker.

    Local weights and packages do not matter if the workers have others, because the content key describes what really
    runs. Code is different: the user may just have edited it, and a worker with older code must not run it.

    Raises WorkbenchError: node.code_changed; node.missing_package if a package is neither here nor on any worker.
    """
    code, missing = declaration.code, None
    try:
        here = declaration.identity
    except WorkbenchError as error:
        here, missing = Identity(code), error
        snapshot.refresh_services()  # a worker with the package may have just started
    offered = [item.service for item in snapshot.services.get(pool_name(declaration.plane, declaration.pool), ())]
    same = [one for one in offered if (one.service, one.version) == (declaration.service, declaration.version)]
    # If packages are missing here, workers with other code count too: the job then waits and reports the difference.
    there = [Identity(code, one.weights, tuple(one.packages)) for one in same if missing or one.code == code]
    if missing is None and (here in there or not there):
        return here
    if there:
        return there[0]
    assert missing is not None
    if declaration.pool not in ("cpu", "control"):  # a deployment provides these two pools itself
        missing.remedy = (
            f"Start a worker where it is installed: `workbench worker --pool {declaration.pool}`. The deployment "
            "accepts the job after that worker has announced itself."
        )
    raise missing
