"""The errors of fetching, which several modules raise."""

from __future__ import annotations

from schemas.errors import WorkbenchError


def not_fetched(name: str, why: str, where: str, here: int = 0) -> WorkbenchError:
    """The error for a download that failed for now or for good.

    Args:
        here: bytes of the file that are kept.
    """
    kept = f"the {here} bytes that are here" if here else "the files that are here"
    return WorkbenchError(
        "model.not_fetched",
        f"{name} could not be downloaded: {why}",
        where=where,
        seen=why,
        remedy=f"Run the command again: it goes on with {kept}. Or choose another source with --mirror.",
    )


def gated(name: str, where: str, with_token: bool) -> WorkbenchError:
    """The error for a source that asks for an account."""
    return WorkbenchError(
        "model.gated",
        f"{name} is not given to everyone: the server asks for an account that accepted its terms",
        where=where,
        seen=f"refused {'with the token of HF_TOKEN' if with_token else 'without a token'}",
        allowed="the token of an account that accepted the terms on the page of the repository",
        remedy="Accept the terms on that page, make a token that may read, and run the command again with HF_TOKEN.",
    )


def differs(name: str, seen: str, allowed: str, where: str) -> WorkbenchError:
    """The error for a file that is not the one of the catalogue."""
    return WorkbenchError(
        "model.differs",
        f"{name} is not the file that the catalogue names",
        where=where,
        seen=seen,
        allowed=allowed,
        remedy="Nothing of it was kept. Run the command again, or choose another source with --mirror.",
    )
