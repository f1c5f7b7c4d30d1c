"""Security headers of every response."""

from __future__ import annotations

from urllib.parse import urlsplit

from starlette.datastructures import MutableHeaders

from workbench.app.access.addresses import split_host

_FIXED = {
    "Referrer-Policy": "same-origin",
    "X-Frame-Options": "SAMEORIGIN",
    "Permissions-Policy": "camera=(self), microphone=(self), geolocation=(), usb=(), payment=()",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",  # for browsers that do not send Sec-Fetch-Site
}


def content_security_policy(host: str, store_url: str) -> str:
    """The policy for pages of this server: they load from this server, and media also from the object store.

    Gradio starts with an inline script and compiles the templates of its HTML components. Without 'unsafe-inline' and
    'unsafe-eval' its pages remain empty.

    Args:
        host: the checked Host header. Its WebSockets are listed, because not every browser counts them as 'self'.
    """
    parts = urlsplit(store_url)
    store = f" {parts.scheme}://{parts.netloc.rpartition('@')[2]}" if parts.netloc else ""
    sockets = f" ws://{host} wss://{host}" if split_host(host) else ""
    return "; ".join(
        (
            "default-src 'self'",
            "script-src 'self' 'unsafe-inline' 'unsafe-eval'",
            "style-src 'self' 'unsafe-inline'",
            "font-src 'self' data:",
            f"img-src 'self' data: blob:{store}",
            f"media-src 'self' data: blob:{store}",
            f"connect-src 'self'{sockets}{store}",
            "worker-src 'self' blob:",
            "frame-ancestors 'self'",
            "object-src 'none'",
            "base-uri 'self'",
            "form-action 'self'",
        )
    )


def secure(headers: MutableHeaders, policy: str, path: str) -> None:
    """Complete the headers of a response in place. Headers that a route has set remain.

    CORS headers are removed, so that no page of another site reads a response. Gradio would allow any localhost page.
    """
    for name in [name for name in headers if name.lower().startswith("access-control-")]:
        del headers[name]
    del headers["server"]
    headers["X-Content-Type-Options"] = "nosniff"
    for name, value in _FIXED.items():
        headers.setdefault(name, value)
    headers.setdefault("Content-Security-Policy", policy)
    if path.startswith(("/api/", "/login")):
        headers.setdefault("Cache-Control", "no-store")
