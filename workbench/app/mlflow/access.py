"""Who may see MLflow, and who may do what there."""

from __future__ import annotations

from schemas.access import Role
from schemas.errors import WorkbenchError
from workbench.app.mlflow.routes import Kind, kind_of
from workbench.client.access import User, may_see_mlflow
from workbench.settings import Settings

_ROLES = {
    Kind.READ: (Role.VIEWER, Role.RUNNER, Role.ADMIN),
    Kind.LOG: (Role.RUNNER, Role.ADMIN),
    Kind.ADMIN: (Role.ADMIN,),
}


def check_access(user: User, settings: Settings, method: str, path: str) -> Kind:
    """What the request is.

    Raises WorkbenchError: tracking.off, access.forbidden, request.not_found, tracking.not_offered.

    Args:
        path: below MLflow's own root.
    """
    if not settings.mlflow_url:
        raise WorkbenchError(
            "tracking.off",
            "nothing is recorded in MLflow here",
            where="WORKBENCH_MLFLOW_URL",
            seen="not set",
            remedy="Set it where the app is started, or start the stack with its part mlflow.",
        )
    if not may_see_mlflow(user, settings):
        raise _forbidden(user, (Role.ADMIN,), "MLflow is for administrators here", "WORKBENCH_MLFLOW_ACCESS=lab.")
    kind = kind_of(method, path)
    if kind is None:
        raise WorkbenchError(
            "request.not_found",
            "MLflow has nothing at this address, or something that the workbench does not know",
            where=f"{method} {path[:200]}",
            remedy="Use what its Python client and its page use; workbench/app/mlflow/routes.txt lists it.",
        )
    if kind is Kind.NEVER:
        raise WorkbenchError(
            "tracking.not_offered",
            "the workbench does not offer this part of MLflow",
            where=f"{method} {path[:200]}",
            remedy="docs/design/mlflow-proxy.md says what is offered and why the rest is not.",
        )
    if user.role not in _ROLES[kind]:
        least = _ROLES[kind][0].value
        what = {Kind.LOG: "record anything in MLflow", Kind.ADMIN: "delete, restore or rename in MLflow"}[kind]
        raise _forbidden(user, _ROLES[kind], f"{user.name} may not {what}", f"`workbench user role NAME {least}`.")
    return kind


def _forbidden(user: User, roles: tuple[Role, ...], message: str, how: str) -> WorkbenchError:
    return WorkbenchError(
        "access.forbidden",
        message,
        where="/mlflow",
        seen=user.role.value,
        allowed=[role.value for role in roles],
        remedy=f"Ask an admin of this deployment, who can change it: {how}",
    )
