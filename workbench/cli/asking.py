"""Asking before something is deleted."""

from __future__ import annotations

import sys

import typer

from schemas.errors import WorkbenchError


def confirm(question: str, yes: bool) -> None:
    """Go on, or leave the command. Raises WorkbenchError (deletion.unconfirmed) where nobody can be asked."""
    if yes:
        return
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise WorkbenchError(
            "deletion.unconfirmed",
            "nothing was deleted: nobody is there to be asked",
            where="--yes",
            seen="no terminal",
            remedy="Add --yes to delete without a question.",
        )
    if not typer.confirm(question, err=True):
        raise typer.Exit(1)
