"""What HTML says."""

from __future__ import annotations

import re


def said(html: str) -> str:
    """Its words, without tags."""
    return " ".join(re.sub(r"<[^>]*>", " ", html).split())
