"""The users of a deployment: who may log in to its page and use its HTTP API, and with which role."""

from __future__ import annotations

from workbench.client.deployment import Deployment
from workbench.store.users import Users


def users_of(deployment: Deployment) -> Users:
    """The users of a deployment, to read and to change. A process with its settings is not limited by roles."""
    return Users(deployment.store.database)
