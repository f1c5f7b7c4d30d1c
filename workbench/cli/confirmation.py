"""Confirmation before a deletion."""

from __future__ import annotations

import sys

import typer

from schemas.errors import WorkbenchError


def confirm(question: str, yes: bool) -> None:
    """Return if the user confirms, else exit. Raises WorkbenchError (deletion.unconfirmed) without a terminal."""
    if yes:
        return
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise WorkbenchError(
            "deletion.unconfirmed",
            "nothing was deleted, because there is no terminal for the confirmation",
            where="--yes",
            seen="no terminal",
            remedy="Add --yes to delete without confirmation.",
        )
    if not typer.confirm(question, err=True):
        raise typer.Exit(1)
