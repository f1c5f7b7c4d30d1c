"""Which code, weights and packages a job is accepted with: those of the worker that will run it, where there is one."""

from __future__ import annotations

from nodes.identity import Identity
from nodes.sdk import NodeDeclaration
from schemas.errors import WorkbenchError
from workbench.engine.cut import pool_name
from workbench.engine.offers import Outlook


def pinned(declaration: NodeDeclaration, outlook: Outlook) -> Identity:
    """The code as it is here, with weights and packages of this environment if a worker has the same, else a worker's.

    What is installed here decides nothing where the workers have another: the content key says what really runs. Code
    is another matter: it is what a person has just edited, and a worker that has older code must not answer.

    Raises WorkbenchError: node.code_changed; node.missing_package where a package is neither here nor on any worker.
    """
    code, missing = declaration.code, None
    try:
        here = declaration.identity
    except WorkbenchError as error:
        here, missing = Identity(code), error
        outlook.look()  # a worker that has it may have come up a moment ago
    offered = [item.service for item in outlook.offers.get(pool_name(declaration.plane, declaration.pool), ())]
    same = [one for one in offered if (one.service, one.version) == (declaration.service, declaration.version)]
    # Where the packages are missing here, those of other code are told too: the job waits and says so.
    there = [Identity(code, one.weights, tuple(one.packages)) for one in same if missing or one.code == code]
    if missing is None and (here in there or not there):
        return here
    if there:
        return there[0]
    assert missing is not None
    if declaration.pool not in ("cpu", "control"):  # those two are what an installation of the deployment has itself
        missing.remedy = (
            f"Start a worker where it is installed: `workbench worker --pool {declaration.pool}`. The deployment takes "
            "the job when that worker has announced itself."
        )
    raise missing
