"""Random credentials of the embedded servers and of the page, created once per home and kept across restarts."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable
from pathlib import Path

from schemas.errors import WorkbenchError
from workbench.embedded.home import write_private

_MADE: dict[str, Callable[[], str]] = {
    "bus_password": lambda: secrets.token_urlsafe(24),
    "s3_access_key": lambda: secrets.token_hex(10).upper(),
    "s3_secret_key": lambda: secrets.token_urlsafe(30),
    "app_token": lambda: secrets.token_urlsafe(32),
}


def credentials(home: Path) -> dict[str, str]:
    """``bus_password``, ``s3_access_key``, ``s3_secret_key`` and ``app_token`` of this home (file mode 0600).

    Credentials that an older home lacks are added; existing ones are kept.

    Raises WorkbenchError (settings.invalid) if the file is damaged, because new credentials would lock the user out of
    data that the servers stored under the old ones.
    """
    kept = _read(home)
    if missing := [name for name in _MADE if name not in kept]:
        kept |= {name: _MADE[name]() for name in missing}
        _write(home, kept)
    return {name: kept[name] for name in _MADE}


def new_app_token(home: Path) -> str:
    """Replace the token that opens the page. It takes effect at the next start of the stack."""
    token = _MADE["app_token"]()
    _write(home, {**_read(home), **credentials(home), "app_token": token})
    return token


def _read(home: Path) -> dict[str, str]:
    path = home / "credentials.json"
    try:
        return {str(name): str(value) for name, value in json.loads(path.read_bytes()).items()}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, AttributeError) as error:
        raise WorkbenchError(
            "settings.invalid",
            f"The credentials of this home cannot be read: {error!r}.",
            where=str(path),
            allowed=f"a JSON object with {', '.join(_MADE)}",
            remedy="Restore the file, or remove it to create new credentials (the stored data is kept).",
        ) from error


def _write(home: Path, values: dict[str, str]) -> None:
    write_private(home / "credentials.json", json.dumps(values, indent=1).encode())
