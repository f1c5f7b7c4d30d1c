"""Checks who may see MLflow, and who may do what there."""

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
    """Returns the kind of the request.

    Raises WorkbenchError: tracking.off, access.forbidden, request.not_found, tracking.not_offered.

    Args:
        path: relative to MLflow's own root.
    """
    if not settings.mlflow_url:
        raise WorkbenchError(
            "tracking.off",
            "this deployment does not record in MLflow",
            where="WORKBENCH_MLFLOW_URL",
            seen="not set",
            remedy="Set it before you start the app, or start the stack with the part mlflow.",
        )
    if not may_see_mlflow(user, settings):
        raise _forbidden(
            user, (Role.ADMIN,), "only administrators may use MLflow in this deployment", "WORKBENCH_MLFLOW_ACCESS=lab."
        )
    kind = kind_of(method, path)
    if kind is None:
        raise WorkbenchError(
            "request.not_found",
            "MLflow has nothing at this address, or the workbench does not know the address",
            where=f"{method} {path[:200]}",
            remedy="Use the addresses of its Python client and its page. workbench/app/mlflow/routes.txt lists them.",
        )
    if kind is Kind.NEVER:
        raise WorkbenchError(
            "tracking.not_offered",
            "the workbench does not provide this part of MLflow",
            where=f"{method} {path[:200]}",
            remedy="docs/design/mlflow-proxy.md explains what is provided and why the rest is not.",
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
        remedy=f"Ask an admin of this deployment to change it: {how}",
    )
