"""Signed links below the app: a link gives access to one file, from any page and without a login.

The app does not let other pages embed its files, because a browser sends cookies along. These links need no cookie. The
notebook's kernel signs them with a key that it shares with the app, and a notebook's page loads media through them.
"""

from __future__ import annotations

import hashlib
import hmac
import time
from urllib.parse import parse_qsl, quote, urlencode

from pydantic import ValidationError

from schemas.refs import Ref
from workbench.settings import Settings

PATH = "/media/"
PROBE = f"{PATH}probe"  # an empty response, which shows that the browser can reach this app
LINK_S = 7 * 24 * 3600


def media_link(settings: Settings, ref: Ref, *, download: bool = False) -> str:
    """Path and query of a link to an artifact, valid for a week; "" if the settings have no key for signing."""
    given = {"kind": ref.kind, "type": ref.media_type, "name": ref.name or ""}
    return _signed(settings, PATH + ref.sha256, {**given, "download": "1"} if download else given)


def probe_link(settings: Settings) -> str:
    """Path and query of the link with which a browser checks if it can reach this app."""
    return _signed(settings, PROBE, {})


def is_signed(settings: Settings, path: str, query: str) -> bool:
    """Whether the link is signed by us, unchanged and not expired."""
    given, _, key = query.rpartition("&key=")
    if not (path.startswith(PATH) and settings.s3_secret_key and key):
        return False
    until = dict(parse_qsl(given)).get("until", "")
    return hmac.compare_digest(_key(settings, path, given), key) and until.isdigit() and int(until) > time.time()


def linked_ref(path: str, query: str) -> Ref | None:
    """The artifact of a signed link; None for the probe."""
    given = dict(parse_qsl(query))
    found = {"kind": given.get("kind"), "media_type": given.get("type"), "sha256": path.removeprefix(PATH)}
    try:
        return Ref.model_validate({**found, "name": given.get("name") or None})
    except ValidationError:
        return None


def _signed(settings: Settings, path: str, given: dict[str, str]) -> str:
    if not settings.s3_secret_key:
        return ""
    query = urlencode({**given, "until": str(int(time.time()) + LINK_S)}, quote_via=quote)
    return f"{path}?{query}&key={_key(settings, path, query)}"


def _key(settings: Settings, path: str, query: str) -> str:
    secret = f"workbench media link {settings.namespace} {settings.s3_secret_key}"
    return hmac.new(secret.encode(), f"{path}?{query}".encode(), hashlib.sha256).hexdigest()
