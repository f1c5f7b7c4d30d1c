"""Changes to MLflow's page, and the content security policies of MLflow's responses."""

from __future__ import annotations

from functools import cache
from importlib import resources

# The page shows reports in frames with an opaque origin.
PAGE_POLICY = "; ".join(
    (
        "default-src 'self'",
        "script-src 'self' 'unsafe-inline' 'unsafe-eval'",
        "style-src 'self' 'unsafe-inline'",
        "font-src 'self' data:",
        "img-src 'self' data: blob:",
        "media-src 'self' data: blob:",
        "connect-src 'self' data: blob:",
        "worker-src 'self' blob:",
        "frame-src 'self' blob:",
        "frame-ancestors 'self'",
        "object-src 'none'",
        "base-uri 'self'",
        "form-action 'self'",
    )
)
# All other responses are data. A logged file must never act as a page of this site, whatever its media type.
DATA_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; media-src 'self'; sandbox"


def with_view(page: bytes) -> bytes:
    """The page with the content of ``view.html`` at the top of its head."""
    return page.replace(b"<head>", b"<head>" + _view(), 1)


@cache
def _view() -> bytes:
    return (resources.files("workbench.app.mlflow") / "view.html").read_bytes()
