"""MLflow's page as the workbench shows it, and what browsers may do with what MLflow answers."""

from __future__ import annotations

from functools import cache
from importlib import resources

# Reports are shown in frames made from what the page has read, which have the rights of no site.
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
# Everything else is data: a file that people have logged is never a page of this site, whatever it says it is.
DATA_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; media-src 'self'; sandbox"


def with_view(page: bytes) -> bytes:
    """The page with what is in ``view.html`` at the top of its head."""
    return page.replace(b"<head>", b"<head>" + _view(), 1)


@cache
def _view() -> bytes:
    return (resources.files("workbench.app.mlflow") / "view.html").read_bytes()
