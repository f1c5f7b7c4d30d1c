"""The refusals of sweeps, in one form."""

from __future__ import annotations

from schemas.errors import WorkbenchError


def bad_spec(
    message: str, where: str, *, seen: object = None, allowed: object = None, remedy: str = ""
) -> WorkbenchError:
    """A spec that cannot become a sweep (sweep.bad_spec)."""
    return WorkbenchError(
        "sweep.bad_spec",
        message,
        where=where,
        seen=seen,
        allowed=allowed,
        remedy=remedy or "Correct the spec; docs/sweeps.md describes its fields.",
    )


def in_cell(error: WorkbenchError, cell: str) -> WorkbenchError:
    """The error with the cell that it was found in."""
    if not (error.where or "").startswith("cell "):
        error.where = f"cell {cell}" + (f": {error.where}" if error.where else "")
    return error
