"""The retention rule of the settings."""

from __future__ import annotations

from schemas.retention import RetentionRule
from workbench.settings import Settings


def rule_of(settings: Settings) -> RetentionRule | None:
    """The rule that the control plane applies once a day; None if the settings contain none."""
    if not settings.retention_older_than and settings.retention_max_gib is None:
        return None
    return RetentionRule(
        older_than=settings.retention_older_than or None,
        max_gib=settings.retention_max_gib,
        keep_tags=[tag for tag in (part.strip() for part in settings.retention_keep_tags.split(",")) if tag],
    )
