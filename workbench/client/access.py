"""The user of a request, the jobs and artifacts that the user may see, and the actions that the user may take."""

from __future__ import annotations

import getpass
import re
from dataclasses import dataclass
from typing import NoReturn

from schemas.access import Role as Role
from schemas.errors import WorkbenchError
from schemas.job import JobRecord
from schemas.refs import Ref
from workbench.client.deployment import Deployment
from workbench.client.mlflow_access import PATH as MLFLOW_PATH
from workbench.settings import Settings
from workbench.store.mlflow_pages import run_url

_DIGEST = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class User:
    """The user of a request. Without login there is only ``local``, an admin."""

    name: str
    role: Role

    @property
    def sees_all(self) -> bool:
        """Whether jobs of other owners are visible."""
        return self.role is not Role.RUNNER

    def may_see(self, owner: str) -> bool:
        return self.sees_all or owner == self.name

    def may_change(self, owner: str) -> bool:
        return self.role is Role.ADMIN or (self.role is Role.RUNNER and owner == self.name)


LOCAL = User("local", Role.ADMIN)


def login_name() -> str:
    """The login name of this process's user: who answers or states something where nobody logs in."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a user without an entry in the user database, as in some containers
        return LOCAL.name


def reader(user: User) -> str | None:
    """The owner whose jobs this user sees, or None for all owners."""
    return None if user.sees_all else user.name


def need_runner(user: User) -> None:
    """Raises WorkbenchError (access.forbidden) for a viewer."""
    if user.role is Role.VIEWER:
        raise WorkbenchError(
            "access.forbidden",
            f"{user.name} may read, but may not submit or change anything",
            seen=user.role.value,
            allowed=[Role.RUNNER.value, Role.ADMIN.value],
            remedy="Ask an admin of this deployment for another role: `workbench user role NAME runner`.",
        )


def need_admin(user: User) -> None:
    """Raises WorkbenchError (access.forbidden) for everyone except administrators."""
    if user.role is not Role.ADMIN:
        raise WorkbenchError(
            "access.forbidden",
            f"{user.name} is not an administrator of this deployment",
            seen=user.role.value,
            allowed=[Role.ADMIN.value],
            remedy="Ask an administrator to do it.",
        )


def visible(user: User, record: JobRecord) -> JobRecord:
    """The record.

    Raises WorkbenchError (job.unknown) if the user may not see it, so that its existence stays hidden.
    """
    if not user.may_see(record.owner):
        raise WorkbenchError(
            "job.unknown", f"there is no job {record.id}", where=record.id, remedy="Correct the id of the job."
        )
    return record


def changeable(user: User, record: JobRecord) -> JobRecord:
    """The record. Raises WorkbenchError: job.unknown, access.forbidden."""
    visible(user, record)
    need_runner(user)
    if not user.may_change(record.owner):
        raise WorkbenchError(
            "access.forbidden",
            f"the job belongs to {record.owner}",
            where=record.id,
            seen=user.name,
            allowed=[record.owner, Role.ADMIN.value],
            remedy="Run it again: the repeated job is yours.",
        )
    return record


def may_see_mlflow(user: User, settings: Settings) -> bool:
    """Whether this user may open MLflow."""
    return bool(settings.mlflow_url) and (settings.mlflow_access == "lab" or user.role is Role.ADMIN)


def run_link(deployment: Deployment, record: JobRecord, user: User) -> str | None:
    """The path of the job's run below the app, whatever the app's address is; None if the user may not see it."""
    run = record.mlflow_run_id
    return run_url(MLFLOW_PATH, run) if run and may_see_mlflow(user, deployment.settings) else None


def readable(deployment: Deployment, user: User, sha256: str) -> Ref:
    """The reference of an artifact that a visible job names, or that the user uploaded. Blocks.

    Routes that take a digest from a client call this first: a digest in a job is a grant to its owner.
    Raises WorkbenchError (artifact.unknown) for any other digest, whether or not the artifact exists.
    """
    if not _DIGEST.fullmatch(sha256):
        unknown(sha256)
    ref = deployment.grants.readable(sha256, user.name, all_jobs=user.sees_all)
    if ref is None:
        unknown(sha256)
    return ref


def unknown(sha256: str) -> NoReturn:
    raise WorkbenchError(
        "artifact.unknown",
        "no job that you may see and no upload of yours has this artifact",
        where=sha256[:64],
        allowed="64 lower-case hex digits of an artifact",
        remedy="Look the artifact up in its job, or upload the file again.",
    )
