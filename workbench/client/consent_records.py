"""Consents as they are worded, given, withdrawn and recorded, apart from a job."""

from __future__ import annotations

import json
from collections.abc import Collection

from schemas.consent import Consent, ConsentRecord, ConsentSource, WithdrawalAnswer
from schemas.errors import WorkbenchError
from workbench.client.access import LOCAL
from workbench.client.deployment import Deployment
from workbench.settings import Settings
from workbench.unix_url import socket_of

_USE = "Everybody who is seen or heard here has agreed to it"


def consent_text(settings: Settings, *, login: bool) -> str:
    """The statement, as it is shown and recorded.

    A job is private to its owner, but its record in MLflow, with script and video, is visible to all users of MLflow.

    Args:
        login: whether users log in at this front end. Without login there is only one user.
    """
    if not settings.mlflow_url or (not login and socket_of(settings.mlflow_url)):
        return f"{_USE}."
    if not login:
        return f"{_USE}, and knows that every user of the MLflow server can see the script and the result."
    if settings.mlflow_access == "administrators":
        return f"{_USE}, and knows that administrators can see the script and the result in MLflow."
    return f"{_USE}, and knows that every user with a login can see the script and the result in MLflow."


def wording(deployment: Deployment, given: Consent, owner: str) -> str:
    """The words of a consent: those of the request, else the statement of the page."""
    return given.text or consent_text(deployment.settings, login=owner != LOCAL.name)


def said_by(name: str | None) -> Consent | None:
    """The consent that a front end gives by a name alone. Raises WorkbenchError (request.invalid) for a blank name."""
    if name is None:
        return None
    if not name.strip():
        raise WorkbenchError(
            "request.invalid",
            "the name of the person who states the consent is empty",
            where="consent",
            seen=name,
            allowed="a name",
            remedy="Give your name, or leave the option out.",
        )
    return Consent(given=True, name=name.strip())


def give_for_home(deployment: Deployment, name: str) -> ConsentRecord:
    """Record a consent for all files of a home where nobody logs in. Raises WorkbenchError: request.invalid, sql.*"""
    said = said_by(name)
    assert said is not None and said.name is not None
    return deployment.consents.give_home(LOCAL.name, said.name, wording(deployment, said, LOCAL.name))


def give_for_file(deployment: Deployment, digests: Collection[str], name: str) -> list[ConsentRecord]:
    """Record a consent for files, before a job uses them. Raises like ``give_for_home``."""
    said = said_by(name)
    assert said is not None and said.name is not None
    text = wording(deployment, said, LOCAL.name)
    return deployment.consents.give(LOCAL.name, digests, said.name, ConsentSource.FILE, text)


def withdraw(
    deployment: Deployment, name: str, *, owner: str | None = None, sha256: str | None = None
) -> WithdrawalAnswer:
    """Withdraw what a person consented to. Jobs that run or are queued continue.

    Args:
        owner: only records for this owner; None for all.
        sha256: only for this file.

    Raises WorkbenchError (consent.unknown).
    """
    records = deployment.consents
    files = records.files_of(name, owner)
    if files is None or (sha256 is not None and sha256 not in files):
        raise WorkbenchError(
            "consent.unknown",
            f"no consent of {name} is recorded" + (f" for the file {sha256[:12]}" if sha256 else ""),
            where="name",
            seen=name,
            remedy="`workbench consent list`, or GET /api/consents, shows the records.",
        )
    count = records.withdraw(name, owner=owner, sha256=sha256)
    body = json.dumps({"file": sha256} if sha256 else {"consent": name}, ensure_ascii=False)
    return WithdrawalAnswer(
        name=name,
        withdrawn=count,
        files=[sha256] if sha256 else files,
        remedy=f"Later jobs with these files are refused. POST /api/erasures with {body} erases them and everything "
        'that was made from them; with "dryRun": true it only lists them.',
    )


def next_steps(name: str, sha256: str | None = None) -> str:
    """What follows from a withdrawal, for the command line and notebooks."""
    target = sha256[:12] if sha256 else f'consent:"{name}"'
    return (
        f"Later jobs with these files are refused. `workbench erase {target}` erases them and everything that was made "
        "from them; with `--dry-run` it only lists them."
    )
