"""Pins code, weights, packages and models of a job: those of the worker that will run it, if there is one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nodes.identity import Identity
from nodes.sdk import NodeDeclaration
from schemas.errors import WorkbenchError
from schemas.installing import ENGINES, install_engine
from workbench.engine.cut import pool_name
from workbench.engine.provided_services import DeploymentSnapshot, ProvidedModel, ProvidedService

MODELS_FRESH_S = 0.1  # a model that was replaced before a submit counts; reading once serves all nodes of a graph


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
    there_is = snapshot.services.get(pool_name(declaration.plane, declaration.pool), ())
    offered = [item.service for item in there_is if isinstance(item, ProvidedService)]
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
        if declaration.pool in ENGINES:
            missing.remedy = f"Run `{install_engine(declaration.pool)}`, then restart the stack. {missing.remedy}"
    raise missing


def pinned_models(
    declaration: NodeDeclaration, params: Mapping[str, Any], snapshot: DeploymentSnapshot
) -> dict[str, str]:
    """Digests of the models that the parameters name, by name, as a worker of the pool has them.

    Args:
        params: validated parameters of a node.

    Raises WorkbenchError (node.model_unavailable) naming the parameter and the models that the workers have.
    """
    found = {}
    for field in declaration.models:
        name = params[field]
        if not name:
            continue
        snapshot.refresh_services(MODELS_FRESH_S)
        digests = _installed(declaration, snapshot)
        if name not in digests:
            raise WorkbenchError(
                "node.model_unavailable",
                f"no worker of the pool {declaration.pool} has the model {name}",
                where=f"params.{field}",
                seen=name,
                allowed=", ".join(sorted(digests)) or "none is installed",
                remedy=f"Run `workbench models fetch {name}` on the worker's machine, or name a model that it has.",
            )
        found[name] = digests[name]
    return found


def _installed(declaration: NodeDeclaration, snapshot: DeploymentSnapshot) -> dict[str, str]:
    there = snapshot.services.get(pool_name(declaration.plane, declaration.pool), ())
    return {item.name: item.digest for item in reversed(there) if isinstance(item, ProvidedModel)}
