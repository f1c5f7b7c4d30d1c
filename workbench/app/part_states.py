"""The state of each part of the bench: by the supervisor of an embedded stack, else by asking what has a URL."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from schemas.errors import WorkbenchError
from schemas.stack import PartState, PartStatus
from workbench.embedded.plan import URL_OF_PART
from workbench.embedded.probes import probe, public_url
from workbench.embedded.stack import is_running, status
from workbench.settings import Settings


def part_states(settings: Settings) -> list[PartStatus]:
    """Takes milliseconds; about a second where something hangs."""
    if is_running(settings.home):
        return status(settings.home).parts
    with ThreadPoolExecutor(len(URL_OF_PART)) as pool:  # one part that hangs must not delay the others
        return list(pool.map(lambda name: asked(name, settings), URL_OF_PART))


def asked(name: str, settings: Settings) -> PartStatus:
    """A part's answer to a question that is put now; EXTERNAL where it answered. Blocks for about a second at most."""
    url = str(getattr(settings, URL_OF_PART[name]))
    if not url:
        return PartStatus(name=name, state=PartState.OFF, message="No URL of it is set.")
    problem = ""
    try:
        probe(name, settings)
    except WorkbenchError as error:
        problem = error.message
    state = PartState.DOWN if problem else PartState.EXTERNAL
    return PartStatus(name=name, url=public_url(url), state=state, message=problem)
