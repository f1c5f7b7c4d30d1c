"""Recorded consents: what people agreed to, and how it is withdrawn."""

from __future__ import annotations

from fastapi import APIRouter

from schemas.consent import ConsentList, WithdrawalAnswer, WithdrawalRequest
from workbench.app.api._request import CurrentUser, StrictRoute, TheDeployment, refusals
from workbench.client.access import Role, User, need_runner
from workbench.client.consent_records import withdraw

router = APIRouter(tags=["consents"], route_class=StrictRoute)


@router.get("/api/consents", summary="Recorded consents, newest first", responses=refusals(403))
def list_consents(deployment: TheDeployment, user: CurrentUser) -> ConsentList:
    """The user's own records; an administrator sees those of all users."""
    need_runner(user)
    return ConsentList(consents=list(deployment.consents.listed(_owner(user))))


@router.post("/api/withdrawals", summary="Withdraw what a person consented to", responses=refusals(403, 404, 422))
def create_withdrawal(asked: WithdrawalRequest, deployment: TheDeployment, user: CurrentUser) -> WithdrawalAnswer:
    """Later jobs with these files are refused. Applies to the user's own records; an administrator's to all."""
    need_runner(user)
    return withdraw(deployment, asked.name, owner=_owner(user), sha256=asked.sha256)


def _owner(user: User) -> str | None:
    return None if user.role is Role.ADMIN else user.name
