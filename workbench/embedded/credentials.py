"""Random credentials of the embedded servers, made once per home and kept across restarts."""

from __future__ import annotations

import json
import secrets
from pathlib import Path

from schemas.errors import WorkbenchError
from workbench.embedded.home import write_private

NAMES = ("bus_password", "s3_access_key", "s3_secret_key")


def credentials(home: Path) -> dict[str, str]:
    """``bus_password``, ``s3_access_key`` and ``s3_secret_key`` of this home (file mode 0600).

    Raises WorkbenchError (settings.invalid) when the file is there but damaged: new credentials would lock the
    user out of what the servers stored under the old ones.
    """
    path = home / "credentials.json"
    if not path.exists():
        made = {
            "bus_password": secrets.token_urlsafe(24),
            "s3_access_key": secrets.token_hex(10).upper(),
            "s3_secret_key": secrets.token_urlsafe(30),
        }
        write_private(path, json.dumps(made, indent=1).encode())
    try:
        kept = json.loads(path.read_text())
        return {name: str(kept[name]) for name in NAMES}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise WorkbenchError(
            "settings.invalid",
            f"The credentials of this home cannot be read: {error!r}.",
            where=str(path),
            allowed=f"a JSON object with {', '.join(NAMES)}",
            remedy="Restore the file, or remove it to have new ones made (the stored data stays).",
        ) from error
