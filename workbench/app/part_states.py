"""The state of each part of the deployment: from the supervisor of an embedded stack, else by probing its URL."""

from __future__ import annotations

import asyncio
from concurrent.futures import Future, wait
from functools import partial

from schemas.errors import WorkbenchError
from schemas.stack import PartState, PartStatus
from workbench.client.shared_queries import SharedQueries
from workbench.embedded.plan import URL_OF_PART
from workbench.embedded.probes import probe, public_url
from workbench.embedded.stack import is_running, status
from workbench.settings import Settings

WITHIN_S = 1.2  # each probe times out after a second, if its driver supports timeouts


class PartStates:
    """One instance per process. Concurrent calls share one probe of a part, which runs outside the route threads."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._queries: SharedQueries[PartStatus] = SharedQueries(URL_OF_PART, "parts")

    def all(self) -> list[PartStatus]:
        """The states of all parts, from the supervisor if one runs. Takes milliseconds, or a second if a part hangs."""
        if is_running(self._settings.home):
            return status(self._settings.home).parts
        answers = {name: self._ask(name) for name in URL_OF_PART}
        wait(answers.values(), WITHIN_S)
        return [answer.result() if answer.done() else _silent(name) for name, answer in answers.items()]

    async def probed(self, name: str) -> PartStatus:
        """Probe a part now. The state is EXTERNAL if the part responds."""
        answer = asyncio.wrap_future(self._ask(name))
        try:
            return await asyncio.wait_for(asyncio.shield(answer), WITHIN_S)
        except TimeoutError:
            return _silent(name)

    def _ask(self, name: str) -> Future[PartStatus]:
        return self._queries.ask(name, partial(_probed, name, self._settings))


def _silent(name: str) -> PartStatus:
    return PartStatus(name=name, url=None, state=PartState.DOWN, message=f"No response within {WITHIN_S:g} s.")


def _probed(name: str, settings: Settings) -> PartStatus:
    url = str(getattr(settings, URL_OF_PART[name]))
    if not url:
        return PartStatus(name=name, state=PartState.OFF, message="Its URL is not set.")
    problem = ""
    try:
        probe(name, settings)
    except WorkbenchError as error:
        problem = error.message
    state = PartState.DOWN if problem else PartState.EXTERNAL
    return PartStatus(name=name, url=public_url(url), state=state, message=problem)
