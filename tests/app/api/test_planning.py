"""Planning in turn: one caller cannot hold all turns, and a caller who has gone is not served."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace

import pytest
from fastapi import Request
from starlette.requests import ClientDisconnect

from schemas.errors import WorkbenchError
from workbench.app.api.planning import OF_CALLER, WAITING, PlanningTurns, planning_turn
from workbench.client.access import LOCAL


async def hold(turns: PlanningTurns, caller: str, begun: list[str], until: asyncio.Event) -> None:
    async with turns.one(caller):
        begun.append(caller)
        await until.wait()


def test_each_caller_has_turns_and_a_bounded_queue() -> None:
    async def scene() -> None:
        turns, begun, until = PlanningTurns(), list[str](), asyncio.Event()
        async with asyncio.TaskGroup() as tasks:
            for _ in range(OF_CALLER + WAITING):
                tasks.create_task(hold(turns, "ada", begun, until))
            tasks.create_task(hold(turns, "bob", begun, until))
            while "bob" not in begun:
                await asyncio.sleep(0)
            assert begun.count("ada") == OF_CALLER
            with pytest.raises(WorkbenchError) as caught:
                await hold(turns, "ada", begun, until)
            assert caught.value.code == "access.too_many" and "that wait" in str(caught.value.allowed)
            until.set()
        assert begun.count("ada") == OF_CALLER + WAITING, "those that waited had their turn"

    asyncio.run(scene())


def test_a_caller_who_has_gone_is_not_served() -> None:
    async def scene() -> None:
        async def gone() -> dict[str, str]:
            return {"type": "http.disconnect"}

        app = SimpleNamespace(state=SimpleNamespace(planning_turns=PlanningTurns()))
        request = Request({"type": "http", "app": app, "headers": []}, gone)
        with pytest.raises(ClientDisconnect):
            await anext(planning_turn(request, LOCAL))

    asyncio.run(scene())
