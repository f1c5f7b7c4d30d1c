"""Who asks, and what that person may do."""

from __future__ import annotations

from dataclasses import dataclass

from starlette.requests import HTTPConnection

from schemas.access import Role as Role
from schemas.errors import WorkbenchError
from schemas.job import JobRecord


@dataclass(frozen=True)
class User:
    """Who asks. Without login there is one: ``local``, an admin."""

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


def current_user(connection: HTTPConnection) -> User:
    """The user whom the guard has found for this request or WebSocket."""
    user: User = connection.state.user
    return user


def known_user(connection: HTTPConnection) -> User | None:
    """The same for the addresses that are open to everybody: None for somebody who has not logged in."""
    return getattr(connection.state, "user", None)


def need_runner(user: User) -> None:
    """Raises WorkbenchError (access.forbidden) for a user who may only look."""
    if user.role is Role.VIEWER:
        raise WorkbenchError(
            "access.forbidden",
            f"{user.name} may look, and not submit or change anything",
            seen=user.role.value,
            allowed=[Role.RUNNER.value, Role.ADMIN.value],
            remedy="Ask an admin of this bench for another role: `workbench user role NAME runner`.",
        )


def need_admin(user: User) -> None:
    """Raises WorkbenchError (access.forbidden) for everybody but administrators."""
    if user.role is not Role.ADMIN:
        raise WorkbenchError(
            "access.forbidden",
            f"{user.name} is no administrator of this bench",
            seen=user.role.value,
            allowed=[Role.ADMIN.value],
            remedy="Ask an administrator to do it.",
        )


def visible(user: User, record: JobRecord) -> JobRecord:
    """The record. Raises WorkbenchError (job.unknown) where the user may not see it: its existence is not told."""
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
