"""What people are asked to confirm before a portrait or voice is used: agreement to the use, and to who will see it."""

from __future__ import annotations

from workbench.settings import Settings
from workbench.unix_url import socket_of

_USE = "Everybody who is seen or heard here has agreed to it"


def consent_text(settings: Settings, *, login: bool) -> str:
    """The sentence, as it is shown and recorded.

    Jobs are their owner's, but the record in MLflow, with the script and the video, is everybody's who may see MLflow.

    Args:
        login: whether people log in at this front end; without it there is one user.
    """
    if not settings.mlflow_url or (not login and socket_of(settings.mlflow_url)):
        return f"{_USE}."
    if not login:
        return f"{_USE}, and knows that every user of the MLflow server can see the script and the result."
    if settings.mlflow_access == "administrators":
        return f"{_USE}, and knows that administrators can see the script and the result in MLflow."
    return f"{_USE}, and knows that every user with a login can see the script and the result in MLflow."
