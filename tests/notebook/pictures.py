"""The text of HTML."""

from __future__ import annotations

import re


def said(html: str) -> str:
    """The text of the HTML, without tags."""
    return " ".join(re.sub(r"<[^>]*>", " ", html).split())
