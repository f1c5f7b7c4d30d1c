"""The consent that a user confirms before a portrait or voice is used: to its use, and to who will see it."""

from __future__ import annotations

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
