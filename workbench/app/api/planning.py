"""Turns for planning: a large graph takes a second of CPU to check. Each caller has two turns at once, and all four."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from anyio import CapacityLimiter
from fastapi import Depends, Request
from starlette.requests import ClientDisconnect

from workbench.app.access.limits import too_many
from workbench.app.api._request import CurrentUser

OF_ALL, OF_CALLER, WAITING = 4, 2, 20


class PlanningTurns:
    """One instance per server; use it on the event loop only."""

    def __init__(self) -> None:
        self._all = CapacityLimiter(OF_ALL)
        self._callers: dict[str, CapacityLimiter] = {}

    @asynccontextmanager
    async def one(self, caller: str) -> AsyncIterator[None]:
        """Wait for a turn and hold it in the block. Raises WorkbenchError (access.too_many) if many wait already."""
        turns = self._callers.setdefault(caller, CapacityLimiter(OF_CALLER))
        if turns.statistics().tasks_waiting >= WAITING:
            raise too_many("too many graphs to check at once", f"{OF_CALLER} at once and {WAITING} that wait", 2.0)
        try:
            async with turns, self._all:
                yield
        finally:
            if not (turns.borrowed_tokens or turns.statistics().tasks_waiting):
                self._callers.pop(caller, None)


async def planning_turn(request: Request, user: CurrentUser) -> AsyncIterator[None]:
    """For routes that check or estimate a graph: they start in turn, and not if the caller has gone meanwhile."""
    turns: PlanningTurns = request.app.state.planning_turns
    async with turns.one(user.name):
        if await request.is_disconnected():
            raise ClientDisconnect
        yield


InTurn = Depends(planning_turn)
