"""The users of a deployment: who may log in to its page and use its HTTP API, and as what."""

from __future__ import annotations

from workbench.client.deployment import Deployment
from workbench.store.users import Users


def users_of(deployment: Deployment) -> Users:
    """The users of a deployment, to read and to change. Whoever has its settings is above every role."""
    return Users(deployment.store.database)
